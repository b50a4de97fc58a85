// SPDX-License-Identifier: Apache-2.0

// Package breakerhttp guards HTTP clients.
package breakerhttp
