package download

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"parley/server/wire"
)

const (
	// ends the name of a part, and of no file that a person or another program makes: a part is
	// overwritten
	partSuffix = ".parley-part"
	maxElement = 255 // bytes of one element of a path: what every system can hold
	maxExt     = 20  // bytes of an extension that stays when a name is cut
)

// local returns the path below the folder under which the file that the server calls name is saved. Every
// element is valid on every system, is what a person sees, and does not begin with a dot, because hidden
// files are the settings of programs. None ends like that of a part.
func local(name string) string {
	elements := strings.Split(visible(name), "/")
	for i, e := range elements {
		if isHidden(e) {
			e = "_" + e[1:]
		}
		e = wire.SafeElement(e)
		if n := len(e) - len(partSuffix); n >= 0 && strings.EqualFold(e[n:], partSuffix) {
			e = e[:n] + "_" + e[n+1:]
		}
		elements[i] = cmp.Or(e, "_")
	}
	return strings.Join(elements, "/")
}

// visible returns a name without the characters that a screen does not show, such as the one that shows
// exe.txt for txt.exe.
func visible(name string) string { return wire.Visible(name, func(rune) string { return "" }) }

// isHidden reports whether an element of a path is more than dots and begins with one.
func isHidden(element string) bool {
	return strings.HasPrefix(element, ".") && strings.Trim(element, ".") != ""
}

// renamed says why a file is not saved under the name that the server has for it, or nothing if it is.
func renamed(name string) string {
	switch {
	case visible(name) != name:
		return "renamed: the name holds invisible characters"
	case slices.ContainsFunc(strings.Split(name, "/"), isHidden):
		return "renamed: hidden files can change what programs do"
	case local(name) != name:
		return "renamed: the name is not valid on every system"
	}
	return ""
}

// partOf returns the path of the part of a file.
func partOf(local string) string {
	dir, element := path.Split(local)
	return dir + fit(element, partSuffix)
}

// numbered returns the path itself for number 1, else the path with the number before the extension.
func numbered(local string, n int) string {
	if n == 1 {
		return local
	}
	dir, element := path.Split(local)
	ext := path.Ext(element)
	if len(ext) > maxExt || ext == element {
		ext = ""
	}
	return dir + fit(strings.TrimSuffix(element, ext), fmt.Sprintf(" (%d)%s", n, ext))
}

// fit returns start and end as one element of a path. If that is too long, it shortens start by whole
// characters.
func fit(start, end string) string {
	for len(start)+len(end) > maxElement {
		_, n := utf8.DecodeLastRuneInString(start)
		start = start[:len(start)-n]
	}
	return start + end
}

// modified returns the time of a file of this version, or zero when the version does not begin with it.
func modified(version string) time.Time {
	ms, id, _ := strings.Cut(version, "-")
	n, err := strconv.ParseUint(ms, 10, 63)
	if _, no := hex.DecodeString(id); err != nil || no != nil || len(id) != 32 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n))
}

// Parts returns the unfinished downloads: the paths below the folder of the files that have a part there,
// which was last written before a time.
func Parts(folder string, before time.Time) (names []string) {
	fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(name, partSuffix) {
			return nil // also after an error: the other folders are searched
		}
		if info, err := d.Info(); err == nil && info.ModTime().Before(before) {
			names = append(names, strings.TrimSuffix(name, partSuffix))
		}
		return nil
	})
	return names
}
