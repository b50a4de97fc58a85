// SPDX-License-Identifier: Apache-2.0

// Package page renders the debug page of a registry: as HTML, as JSON and as text. It knows nothing
// of HTTP and reads no clock. Its functions depend only on their arguments.
//
// A view is an [Overview], a [GroupView] or a [Detail]. Their fields have the names of the JSON
// format, which the text format uses as well. Package breakers documents those names, so they must
// not change.
package page
