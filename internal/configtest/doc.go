// SPDX-License-Identifier: Apache-2.0

// Package configtest tests atomicbreaker.Config with packages that read configurations. It is a
// module of its own, so that the library does not depend on them.
package configtest
