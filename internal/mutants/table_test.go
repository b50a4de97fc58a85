// SPDX-License-Identifier: Apache-2.0

// Package mutants tests the tests: it breaks the library in one place at a time, and requires that
// the tests responsible for that place fail.
//
// The mutants are in testdata/mutants, in a form that reads like a diff:
//
//	mutant NAME
//	kind   the kind of mistake
//	layer  the layer that must notice
//	only                               (optional: no other layer notices)
//	@ FILE                             (one part; there may be several, also of the same file)
//	 a line that stays
//	-a line that goes
//	+a line that comes
//
// A blank line ends a mutant. The lines of a part are consecutive in the file. The layers are in
// layers_test.go.
package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// root is the path of the module, relative to this package.
const root = "../.."

// mutant is one break of the library.
type mutant struct {
	name, kind, layer string
	only              bool
	parts             []part
}

// part replaces the lines old, which occur once in file, by the lines new.
type part struct{ file, old, new string }

// table returns all mutants.
func table(t *testing.T) []mutant {
	t.Helper()
	all, err := readTable()
	require.NoError(t, err)
	return all
}

func readTable() (all []mutant, err error) {
	names, err := filepath.Glob(root + "/testdata/mutants/*.txt")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		read, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, read...)
	}
	return all, nil
}

func parse(text string) ([]mutant, error) {
	var all []mutant
	var m *mutant
	for n, line := range strings.Split(text, "\n") {
		first, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case m == nil && (line == "" || strings.HasPrefix(line, "#")):
		case first == "mutant":
			all = append(all, mutant{name: rest})
			m = &all[len(all)-1]
		case line == "":
			m = nil
		case m == nil:
			return nil, fmt.Errorf("line %d: %q: want a mutant", n+1, line)
		case first == "kind":
			m.kind = rest
		case first == "layer":
			m.layer = rest
		case line == "only":
			m.only = true
		case first == "@":
			m.parts = append(m.parts, part{file: rest})
		case len(m.parts) == 0 || !strings.ContainsAny(line[:1], " -+"):
			return nil, fmt.Errorf("line %d: %q: unexpected line", n+1, line)
		default:
			p := &m.parts[len(m.parts)-1]
			if line[0] != '+' {
				p.old += line[1:] + "\n"
			}
			if line[0] != '-' {
				p.new += line[1:] + "\n"
			}
		}
	}
	return all, nil
}

// apply returns the changed files of m.
func (m *mutant) apply(read func(file string) (string, error)) (map[string]string, error) {
	changed := make(map[string]string)
	for _, p := range m.parts {
		text, ok := changed[p.file]
		if !ok {
			whole, err := read(p.file)
			if err != nil {
				return nil, err
			}
			text = "\n" + whole // so that a newline precedes every line
		}
		if n := strings.Count(text, "\n"+p.old); n != 1 {
			return nil, fmt.Errorf("%s has these lines %d times, want once:\n%s", p.file, n, p.old)
		}
		changed[p.file] = strings.Replace(text, "\n"+p.old, "\n"+p.new, 1)
	}
	for file, text := range changed {
		changed[file] = text[1:]
	}
	return changed, nil
}

func readFile(file string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, file))
	return string(text), err
}

// kinds are the kinds of mistakes, each of which has at least one mutant.
var kinds = []string{
	"load-then-store for the swap",
	"store in Reset/Trip/Force",
	"a swap without retry",
	"state and counts in separate atomics",
	"the half-open limit checked, then added",
	"lost update of the failure count",
	"hook called inside the loop (delivered twice)",
	"hook called with a second load",
	"permit from a second load",
	"due to half-open in two swaps",
	"outcome checked against a word that is not the one swapped",
	"timer without generation",
	"timer not armed, armed twice, armed after publishing",
	"no generation check",
	"generation bumped while closed",
	"counts not cleared",
	"every comparison off by one",
	"a field's width",
	"carry into the neighbor",
	"fast path wrong for a dirty, a forced, a wrapped word",
	"permit that reports twice",
	"delivery out of order, twice, never, two at once",
	"panic that leaves the hook",
	"admission lost with its goroutine",
	"subscription that starts, ends or waits wrongly",
	"jitter that shortens",
	"back-off without cap",
	"classifier ignored",
	"Do without its defer",
	"plain (non-atomic) word",
}

// TestTable requires that every mutant applies to the current code, and that every kind has one. It
// runs no mutant; that takes the build tag mutants.
func TestTable(t *testing.T) {
	all := table(t)
	assert.GreaterOrEqual(t, len(all), 40)
	seen := make(map[string]bool)
	ofKind := make(map[string]int)
	for _, m := range all {
		assert.False(t, seen[m.name], "%s: duplicate name", m.name)
		seen[m.name] = true
		ofKind[m.kind]++
		assert.NotEmpty(t, m.layer, m.name)
		assert.NotEmpty(t, m.parts, m.name)
		changed, err := m.apply(readFile)
		assert.NoError(t, err, m.name)
		for file, text := range changed {
			whole, err := readFile(file)
			assert.NoError(t, err)
			assert.NotEqual(t, whole, text, "%s changes nothing", m.name)
		}
	}
	for _, kind := range kinds {
		assert.NotZero(t, ofKind[kind], "no mutant of the kind %q", kind)
	}
}

// TestContract requires that the mutants and tests that CONCURRENCY.md names exist.
func TestContract(t *testing.T) {
	contract, err := readFile("CONCURRENCY.md")
	require.NoError(t, err)
	_, contract, _ = strings.Cut(contract, "\n## 11. ")
	contract, _, _ = strings.Cut(contract, "\n## 12. ")
	there := make(map[string]bool)
	for _, m := range table(t) {
		there[m.name] = true
	}
	named := regexp.MustCompile("`([a-z]+(?:-[a-z]+)+)`").FindAllStringSubmatch(contract, -1)
	assert.Greater(t, len(named), 40)
	for _, name := range named {
		assert.True(t, there[name[1]], "no mutant has the name %s", name[1])
	}

	var tests strings.Builder
	for _, pattern := range []string{"atomicbreaker/*_test.go", "internal/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			tests.Write(text)
		}
	}
	named = regexp.MustCompile("`(Test\\w+)").FindAllStringSubmatch(contract, -1)
	assert.Greater(t, len(named), 20)
	for _, name := range named {
		assert.True(t, strings.Contains(tests.String(), "\nfunc "+name[1]), "CONCURRENCY.md names %s, and no test has this name", name[1])
	}
}

// TestParse requires that the parser rejects a malformed table.
func TestParse(t *testing.T) {
	all, err := parse("# why\n\nmutant one\nkind a b\nlayer x\nonly\n@ f\n stays\n-goes\n+comes\n\nmutant two\n@ f\n-\tgoes\n")
	require.NoError(t, err)
	assert.Equal(t, []mutant{
		{"one", "a b", "x", true, []part{{"f", "stays\ngoes\n", "stays\ncomes\n"}}},
		{name: "two", parts: []part{{"f", "\tgoes\n", ""}}},
	}, all)
	for _, bad := range []string{"kind a", "mutant one\nkinds a", "mutant one\n-goes", "mutant one\n@ f\ngoes"} {
		_, err := parse(bad)
		assert.Error(t, err, bad)
	}
}

// TestApply requires that a mutant applies in exactly one place.
func TestApply(t *testing.T) {
	read := func(string) (string, error) { return "a\nb\na\nb\nc\n", nil }
	m := mutant{parts: []part{{"f", "b\nc\n", "d\n"}, {"f", "d\n", "e\n"}}}
	changed, err := m.apply(read)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"f": "a\nb\na\ne\n"}, changed)
	for _, old := range []string{"a\n", "x\n", "\na\n"} {
		m := mutant{parts: []part{{"f", old, ""}}}
		_, err := m.apply(read)
		assert.Error(t, err, "%q", old)
	}
}
