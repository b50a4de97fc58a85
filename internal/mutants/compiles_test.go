// SPDX-License-Identifier: Apache-2.0

//go:build !race && !386

package mutants

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCompiles requires that every mutant compiles, as far as the packages that it changes.
func TestCompiles(t *testing.T) {
	for _, problem := range problems() {
		assert.Fail(t, problem)
	}
}

// problems says which mutants do not compile. Many runs in one process look once.
var problems = sync.OnceValue(func() (said []string) {
	all, err := readTable()
	if err != nil {
		return []string{err.Error()}
	}
	for _, m := range all {
		changed, err := m.apply(readFile)
		if err == nil {
			err = compiles(changed)
		}
		if err != nil {
			said = append(said, m.name+": "+err.Error())
		}
	}
	return said
})

var (
	fset    = token.NewFileSet()
	sources = importer.ForCompiler(fset, "source", nil)
)

// compiles type-checks the packages of the changed files, with the changes. It does not check the
// packages that import them.
func compiles(changed map[string]string) error {
	for file := range changed {
		dir := path.Dir(file)
		whole, err := filepath.Abs(filepath.Join(root, dir))
		if err != nil {
			return err
		}
		build.Default.Dir = whole // the importer finds modules from there
		here := build.Default
		if ok, err := here.MatchFile(filepath.Join(root, dir), path.Base(file)); err != nil {
			return err
		} else if !ok {
			here.BuildTags = append(here.BuildTags, "explore")
		}
		pkg, err := here.ImportDir(filepath.Join(root, dir), 0)
		if err != nil {
			return err
		}
		var files []*ast.File
		for _, name := range pkg.GoFiles {
			text, ok := changed[path.Join(dir, name)]
			if !ok {
				if text, err = readFile(path.Join(dir, name)); err != nil {
					return err
				}
			}
			parsed, err := parser.ParseFile(fset, filepath.Join(whole, name), text, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			files = append(files, parsed)
		}
		checker := types.Config{Importer: sources}
		if _, err := checker.Check(dir, fset, files, nil); err != nil {
			return err
		}
	}
	return nil
}
