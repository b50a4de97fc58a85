// SPDX-License-Identifier: Apache-2.0

// Package clients tests breakerhttp.Transport below the clients that programs use it with. It is a
// module of its own because of their dependencies, and is not published.
package clients
