// Style finds what go vet does not: lines of more than 110 columns, and conditions that change a variable. An if or a
// switch may set err in its init, or declare something; it must not assign to any other variable that existed before.
//
//	go run .ci/style.go MOST...
//
// Each MOST is how many of the findings, in this order, may be left for now. The numbers may only fall.
package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxColumns = 110 // a tab counts as four

func main() {
	long, changing, err := look(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "style:", err)
		os.Exit(2)
	}
	status := 0
	for i, found := range [][]string{long, changing} {
		most, err := strconv.Atoi(os.Args[1:][i])
		if err != nil {
			fmt.Fprintln(os.Stderr, "style:", err)
			os.Exit(2)
		}
		what := []string{"lines of more than 110 columns", "conditions that change a variable"}[i]
		fmt.Printf("%d %s, at most %d are allowed\n", len(found), what, most)
		if len(found) > most {
			fmt.Println(strings.Join(found, "\n"))
			status = 1
		}
	}
	os.Exit(status)
}

// look returns where the Go files below a folder have each kind of finding.
func look(root string) (long, changing []string, err error) {
	files := token.NewFileSet()
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		number := 0
		for line := range bytes.Lines(source) {
			number++
			columns := utf8.RuneCount(bytes.TrimRight(line, "\n")) + 3*bytes.Count(line, []byte{'\t'})
			if columns > maxColumns {
				long = append(long, fmt.Sprintf("%s:%d: %d columns", path, number, columns))
			}
		}
		file, err := parser.ParseFile(files, path, source, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if changed := changes(initOf(n)); changed != "" {
				changing = append(changing, fmt.Sprintf("%s: the condition changes %s", files.Position(n.Pos()), changed))
			}
			return true
		})
		return nil
	})
	return long, changing, err
}

// initOf returns the statement before the condition of an if or a switch, or nil.
func initOf(n ast.Node) ast.Stmt {
	switch n := n.(type) {
	case *ast.IfStmt:
		return n.Init
	case *ast.SwitchStmt:
		return n.Init
	}
	return nil
}

// changes returns what a statement assigns to, but for err, or "".
func changes(init ast.Stmt) string {
	switch s := init.(type) {
	case *ast.IncDecStmt:
		return name(s.X)
	case *ast.AssignStmt:
		for _, to := range s.Lhs {
			if n := name(to); s.Tok != token.DEFINE && n != "err" && n != "_" {
				return n
			}
		}
	}
	return ""
}

// name returns an expression as it is written, as far as it has names.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return "an element"
}
