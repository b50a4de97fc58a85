// SPDX-License-Identifier: Apache-2.0

package main

import "io"

func newScreen(w io.Writer) screen { return newPlainLines(w) }
