// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"flag"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Check runs a property of rapid, at most so many times.
func Check(t *testing.T, most int, property func(*rapid.T)) {
	t.Helper()
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	n, err := strconv.Atoi(before)
	require.NoError(t, err)
	require.NoError(t, checks.Value.Set(strconv.Itoa(min(n, most))))
	defer func() { require.NoError(t, checks.Value.Set(before)) }()
	rapid.Check(t, property)
}
