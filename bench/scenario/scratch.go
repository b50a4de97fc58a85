// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"os"
	"sync"
)

var scratch struct {
	mu   sync.Mutex
	root string
}

// Scratch returns a new directory. A program that uses it calls RemoveScratch before it ends.
func Scratch() (string, error) {
	scratch.mu.Lock()
	defer scratch.mu.Unlock()
	if scratch.root == "" {
		root, err := os.MkdirTemp("", "bench-*")
		if err != nil {
			return "", err
		}
		scratch.root = root
	}
	return os.MkdirTemp(scratch.root, "")
}

// RemoveScratch deletes all directories of Scratch.
func RemoveScratch() error {
	scratch.mu.Lock()
	defer scratch.mu.Unlock()
	root := scratch.root
	if root == "" {
		return nil
	}
	scratch.root = ""
	return os.RemoveAll(root)
}

// RunTests is the TestMain of a package whose tests use Scratch. It does not return.
func RunTests(m interface{ Run() int }) {
	code := m.Run()
	if err := RemoveScratch(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
