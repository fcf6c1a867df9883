// Style finds what go vet does not, in this order:
//
//   - lines of Go with more than 110 columns
//   - conditions that change a variable: the init of an if or a switch may set err or declare something, but
//     must not assign to any other variable that existed before
//   - "begin" as a noun, in Go and in texts
//
// It is told how many of each may be left for now. The numbers may only fall.
//
//	go run .ci/style.go COLUMNS CONDITIONS NOUNS
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
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxColumns = 110 // a tab counts as four

// kinds are the kinds of findings, in the order of the arguments.
var kinds = []string{"lines of more than 110 columns", "conditions that change a variable",
	`"begin" as a noun`}

const (
	long = iota
	changing
	noun
)

func main() {
	if len(os.Args) != 1+len(kinds) {
		fail(fmt.Errorf("expected %d numbers, got %d", len(kinds), len(os.Args)-1))
	}
	found, err := look(".")
	if err != nil {
		fail(err)
	}
	status := 0
	for i, kind := range kinds {
		most, err := strconv.Atoi(os.Args[1+i])
		if err != nil {
			fail(err)
		}
		fmt.Printf("%d %s, at most %d are allowed\n", len(found[i]), kind, most)
		if len(found[i]) > most {
			fmt.Println(strings.Join(found[i], "\n"))
			status = 1
		}
	}
	os.Exit(status)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "style:", err)
	os.Exit(2)
}

// beginNoun matches the noun, also across the end of a comment's line.
var beginNoun = regexp.MustCompile(`(?i)\b(the|its|their|at|from)[\s/#]+begin\b|\bbegins?[\s/#]+of\b`)

// look returns the findings of each kind in the files below a folder, with their places.
func look(root string) (found [][]string, err error) {
	found = make([][]string, len(kinds))
	files := token.NewFileSet()
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		isGo, isText := filepath.Ext(path) == ".go", strings.HasPrefix(filepath.Ext(path), ".txt")
		if !isGo && !isText {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, at := range beginNoun.FindAllIndex(source, -1) {
			line := 1 + bytes.Count(source[:at[0]], []byte{'\n'})
			found[noun] = append(found[noun], fmt.Sprintf("%s:%d: %q", path, line, source[at[0]:at[1]]))
		}
		if !isGo {
			return nil
		}
		number := 0
		for line := range bytes.Lines(source) {
			number++
			columns := utf8.RuneCount(bytes.TrimRight(line, "\n")) + 3*bytes.Count(line, []byte{'\t'})
			if columns > maxColumns {
				found[long] = append(found[long], fmt.Sprintf("%s:%d: %d columns", path, number, columns))
			}
		}
		file, err := parser.ParseFile(files, path, source, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if changed := changes(initOf(n)); changed != "" {
				place := files.Position(n.Pos())
				found[changing] = append(found[changing],
					fmt.Sprintf("%s: the condition changes %s", place, changed))
			}
			return true
		})
		return nil
	})
	return found, err
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
