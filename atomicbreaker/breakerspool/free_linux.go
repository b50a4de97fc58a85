// SPDX-License-Identifier: Apache-2.0

package breakerspool

import "syscall"

// freeBytes returns how many bytes an unprivileged process may still write to the disk of dir.
func freeBytes(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if syscall.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // another type on other processors
}
