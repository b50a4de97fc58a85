// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import "fmt"

// The names of the values of State, Cause and Outcome, which are indices into a list of names.

func nameOf[T ~uint8](kind string, names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("%s(%d)", kind, uint8(v))
}

func marshalName[T ~uint8](kind string, names []string, v T) ([]byte, error) {
	if int(v) < len(names) {
		return []byte(names[v]), nil
	}
	return nil, fmt.Errorf("atomicbreaker: %s(%d): want 0..%d", kind, uint8(v), len(names)-1)
}

func unmarshalName[T ~uint8](kind string, names []string, text []byte, v *T) error {
	for i, name := range names {
		if string(text) == name {
			*v = T(i)
			return nil
		}
	}
	return fmt.Errorf("atomicbreaker: unknown %s %q: want one of %q", kind, text, names)
}
