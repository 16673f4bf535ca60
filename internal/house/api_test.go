package house_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/api.txt instead of comparing it")

const root = "../.."

// docs/api.txt lists every exported declaration, so that a change of the API shows in review as what it is.
func TestExportedAPIIsAsListed(t *testing.T) {
	var listing bytes.Buffer
	for _, dir := range publicPackages(t) {
		fmt.Fprintf(&listing, "package %s\n\n", dir)
		for _, decl := range exported(t, filepath.Join(root, dir)) {
			fmt.Fprintln(&listing, decl)
		}
		fmt.Fprintln(&listing)
	}
	path := filepath.Join(root, "docs", "api.txt")
	if *update {
		if err := os.WriteFile(path, listing.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, listing.Bytes()) {
		t.Error("the exported API is not that of docs/api.txt: if the change is meant, run go test ./internal/house -update")
	}
}

// publicPackages are the folders of the root module with a package that others can import.
func publicPackages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			_, ownModule := os.Stat(filepath.Join(path, "go.mod"))
			hidden := name == "internal" || name == "testdata" || name == "examples" || strings.HasPrefix(name, ".")
			if path != root && (ownModule == nil || hidden) {
				return filepath.SkipDir
			}
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		if isSource(name) && !slices.Contains(dirs, filepath.ToSlash(dir)) {
			dirs = append(dirs, filepath.ToSlash(dir))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) == 0 {
		t.Fatal("no public package found")
	}
	slices.Sort(dirs)
	return dirs
}

func isSource(name string) bool {
	return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
}

// exported returns the exported declarations of a folder, sorted, without comments and bodies.
func exported(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var decls []string
	for _, e := range entries {
		if !isSource(e.Name()) {
			continue
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(f)
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.IMPORT {
				continue
			}
			if fn, ok := d.(*ast.FuncDecl); ok {
				if !onExportedType(fn) {
					continue
				}
				fn.Body = nil
			}
			var b bytes.Buffer
			if err := printer.Fprint(&b, files, d); err != nil {
				t.Fatal(err)
			}
			decls = append(decls, b.String())
		}
	}
	slices.Sort(decls)
	return decls
}

// onExportedType reports whether a function is none of a type that nobody outside can name.
func onExportedType(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return true
	}
	receiver := fn.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}
