// SPDX-License-Identifier: Apache-2.0

//go:build !go1.26

package breakerslog_test

import "log/slog"

func multiHandler(...slog.Handler) slog.Handler { return nil }
