package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// mayCommit are the folders whose code may begin a transaction that writes: the facade, and the store itself.
var mayCommit = map[string]bool{".": true, "store": true}

// One operation, one commit: rooms below the facade work inside the transaction that it began.
func TestOnlyTheFacadeBeginsATransactionThatWrites(t *testing.T) {
	found := 0
	for _, dir := range append(publicPackages(t), internalPackages(t)...) {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if !isSource(filepath.Base(path)) || !imports(t, path, module+"store") && dir != "store" {
				continue
			}
			n := callsOf(t, path, "Update")
			if n > 0 && !mayCommit[dir] {
				t.Errorf("%s calls Update %d times", path, n)
			}
			found += n
		}
	}
	if found == 0 {
		t.Error("nobody begins a transaction: this test looks for the wrong call")
	}
}

// internalPackages are the folders below internal, but those that stand above the facade: the simulation, and the
// conformance runner.
func internalPackages(t *testing.T) []string {
	t.Helper()
	var dirs []string
	above := map[string]bool{"internal/sim": true, "internal/conformance": true}
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if dir, err := filepath.Rel(root, path); err != nil || d.Name() == "testdata" || above[filepath.ToSlash(dir)] {
			return filepath.SkipDir
		}
		dir, err := filepath.Rel(root, path)
		dirs = append(dirs, filepath.ToSlash(dir))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func imports(t *testing.T, path, pkg string) bool {
	for _, i := range parse(t, path).Imports {
		if strings.Trim(i.Path.Value, `"`) == pkg {
			return true
		}
	}
	return false
}

// callsOf counts the calls of a method of that name with two arguments, as store.DB.Update has them. That of a log has
// three.
func callsOf(t *testing.T, path, method string) (n int) {
	t.Helper()
	ast.Inspect(parse(t, path), func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == method && len(call.Args) == 2 {
			n++
		}
		return true
	})
	return n
}
