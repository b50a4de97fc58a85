// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"
)

// AsJSON returns a view in the JSON format.
func AsJSON(view any) ([]byte, error) {
	text, err := json.MarshalIndent(view, "", "  ")
	return append(text, '\n'), err
}

// AsText returns a view in the text format: a line for each object, which begins with what the
// object is, and then has the fields of the JSON format as name=value. The names of fields of
// nested objects are joined by a dot. A field that is null has no name on the line. A value is
// quoted as in Go if it is empty or has other characters than letters, digits and a few signs, so
// that a line is always one line and no control character reaches a terminal.
func AsText(view any) []byte {
	var out bytes.Buffer
	kind := "overview"
	switch view.(type) {
	case GroupView:
		kind = "group"
	case Detail:
		kind = "breaker"
	case Gone:
		kind = "error"
	}
	writeObject(&out, kind, reflect.ValueOf(view))
	return out.Bytes()
}

// writeObject writes the line of an object, and then those of the objects in its lists.
func writeObject(out *bytes.Buffer, kind string, v reflect.Value) {
	var lists []func()
	out.WriteString(kind)
	writeFields(out, "", v, &lists)
	out.WriteByte('\n')
	for _, list := range lists {
		list()
	}
}

func writeFields(out *bytes.Buffer, prefix string, v reflect.Value, lists *[]func()) {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		name := prefix + field.Tag.Get("json")
		if value.Kind() == reflect.Pointer {
			if value.IsNil() {
				continue
			}
			value = value.Elem()
		}
		marshaler, isText := reflect.TypeAssert[encoding.TextMarshaler](value)
		switch {
		case field.Anonymous:
			writeFields(out, prefix, value, lists)
		case isText:
			text, err := marshaler.MarshalText()
			if err != nil {
				text = []byte(err.Error())
			}
			fmt.Fprintf(out, " %s=%s", name, quoteIfNeeded(string(text)))
		case value.Kind() == reflect.Struct:
			writeFields(out, name+".", value, lists)
		case value.Kind() == reflect.Slice:
			*lists = append(*lists, func() {
				for i := range value.Len() {
					writeObject(out, strings.TrimSuffix(name, "s"), value.Index(i))
				}
			})
		default:
			fmt.Fprintf(out, " %s=%s", name, quoteIfNeeded(fmt.Sprint(value.Interface())))
		}
	}
}

func quoteIfNeeded(s string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_.:/+*%@,()", r)
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !plain(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(s)
	}
	return s
}
