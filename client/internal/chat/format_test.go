package chat

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/server/wire"
)

// In plain output a message is NAME: TEXT or NAME → NAME: TEXT. No line of the program's own can be taken for
// one, nor the other way round: none begins with a word and a colon, with a word that can be a name, or with
// something that anybody chose.
func TestOwnLines(t *testing.T) {
	free := []string{
		"%s",       // the server's words, or a row of its own that is made elsewhere
		"%-16s %s", // help, which begins with a slash
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	checked := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for n := range ast.Preorder(file) {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				continue
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || method.Sel.Name != "show" {
				continue
			}
			literal, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: the format of a line is no constant", name)
				continue
			}
			format, _ := strconv.Unquote(literal.Value)
			words := strings.Fields(format)
			chosen := strings.HasPrefix(words[0], "%") && strings.HasSuffix(strings.TrimRight(words[0], ":"),
				"s")
			arrow := len(words) > 1 && words[1] == "→"
			if strings.HasSuffix(words[0], ":") || chosen && !slices.Contains(free, format) || arrow {
				t.Errorf("%s: %q can look like a message", name, format)
			}
			word, placeholder := strings.TrimRight(words[0], ",:"), strings.HasPrefix(words[0], "%")
			if name, err := wire.CheckName(word); err == nil && !placeholder {
				t.Errorf("%q begins with %s, which can be a name", format, name)
			}
			checked++
		}
	}
	if checked < 10 {
		t.Errorf("only %d formats were found", checked)
	}
}
