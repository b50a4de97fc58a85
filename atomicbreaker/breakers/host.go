// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// allowsHost reports whether a request for the host may be answered. A name that an attacker owns
// may resolve to this server, and the browser then believes that the attacker's page and this one
// have the same origin. The names that are allowed are not the attacker's, and an IP address is not
// resolved.
func (h *handler) allowsHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || slices.Contains(h.hosts, host)
}
