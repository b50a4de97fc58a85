// SPDX-License-Identifier: Apache-2.0

// Package browser tests the debug page of package breakers in Chromium. It is a module of its own,
// so that the library does not require what drives the browser. Without Chromium, the tests are
// skipped.
package browser
