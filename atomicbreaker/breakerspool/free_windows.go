// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"syscall"
	"unsafe"
)

var getDiskFreeSpaceEx = syscall.NewLazyDLL("kernel32.dll").NewProc("GetDiskFreeSpaceExW")

// freeBytes returns how many bytes the user of this process may still write to the disk of dir.
func freeBytes(dir string) (int64, bool) {
	name, err := syscall.UTF16PtrFromString(dir)
	if err != nil || getDiskFreeSpaceEx.Find() != nil {
		return 0, false
	}
	var free int64
	ok, _, _ := getDiskFreeSpaceEx.Call(uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&free)), 0, 0)
	return free, ok != 0
}
