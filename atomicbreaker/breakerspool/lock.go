// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

const lockName = "lock"

// acquire locks a directory. The operating system releases the lock if the process dies. The file
// is never removed: two processes could then lock two files.
func acquire(dir string) (*flock.Flock, error) {
	name := filepath.Join(dir, lockName)
	// The name of the holder must not be written through a link into another file.
	if info, err := os.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("breakerspool: lock %s: want a regular file, got one of mode %v", name, info.Mode())
	}
	l := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("breakerspool: lock %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("breakerspool: %s: %w by %s", dir, ErrInUse, holder(name))
	}
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	// The name of the holder is for people. The lock does not depend on it. On Windows nobody but
	// the holder's handle can read or write a locked file, so there the name is missing.
	_ = os.WriteFile(name, fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0o600)
	return l, nil
}

func holder(name string) string {
	text, err := os.ReadFile(filepath.Clean(name))
	if who := strings.TrimSpace(string(text)); err == nil && who != "" {
		return who
	}
	return "another process"
}
