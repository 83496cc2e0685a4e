package policy

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// NormalPath returns the names that a path may stand for: an absolute path of
// this machine without a scheme, or scheme://place/path, each without . and ..
// in it. file: is the scheme of paths without one; s3a and s3n are s3. A path
// that has links on this machine stands for what they lead to as well, and one
// with percent signs for what a URL means by them.
//
// Patterns in a path, * ? [ {, stay; alternatives in braces must not hold slashes.
func NormalPath(raw string) ([]string, error) {
	text := strings.TrimSpace(raw)
	if text == "" {
		return nil, fmt.Errorf("an empty path")
	}
	if strings.ContainsAny(text, "\\\x00\n\r") {
		return nil, fmt.Errorf("the path %q has a backslash or a control character, with which it may mean anything", raw)
	}
	if bracesHide(text) {
		return nil, fmt.Errorf("the path %q has slashes or dots within braces or brackets, with which it may lead anywhere; give each path by itself", raw)
	}
	names := []string{}
	add := func(text string) {
		name, local := normal(text)
		for _, n := range append([]string{name}, linked(name, local)...) {
			if len(names) == 0 || names[len(names)-1] != n {
				names = append(names, n)
			}
		}
	}
	add(text)
	if strings.Contains(text, "%") {
		decoded, err := url.PathUnescape(text)
		if err != nil {
			return names, nil // no URL, so nobody decodes it
		}
		if strings.ContainsAny(decoded, "\\\x00\n\r") || bracesHide(decoded) {
			return nil, fmt.Errorf("the path %q hides characters behind percent signs", raw)
		}
		add(decoded)
	}
	return names, nil
}

// bracesHide reports whether braces or brackets hold a slash or two dots.
func bracesHide(text string) bool {
	depth := 0
	for i, r := range text {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			depth = max(depth-1, 0)
		case '/':
			if depth > 0 {
				return true
			}
		case '.':
			if depth > 0 && strings.HasPrefix(text[i:], "..") {
				return true
			}
		}
	}
	return false
}

// normal returns one name of a path, and whether it is on this machine.
func normal(text string) (name string, local bool) {
	scheme, rest, ok := strings.Cut(text, ":")
	authority := ""
	if !ok || scheme == "" || strings.ContainsAny(scheme, "/*?[{") {
		scheme, rest = "file", text
	} else if after, ok := strings.CutPrefix(rest, "//"); ok {
		authority, rest, _ = strings.Cut(after, "/")
		rest = "/" + rest
	}
	scheme = strings.ToLower(scheme)
	if scheme == "file" {
		if !strings.HasPrefix(rest, "/") {
			if wd, err := os.Getwd(); err == nil {
				rest = wd + "/" + rest
			}
		}
		return path.Clean("/" + rest), true
	}
	if scheme == "s3a" || scheme == "s3n" {
		scheme = "s3"
	}
	return scheme + "://" + strings.ToLower(authority) + path.Clean("/"+rest), false
}

// linked returns what a local path leads to through links, as far as it exists.
func linked(name string, local bool) []string {
	if !local {
		return nil
	}
	base, rest := literal(name), ""
	rest = strings.TrimPrefix(name, base)
	for at := base; at != "/" && at != "."; at = path.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			real = path.Clean(real + strings.TrimPrefix(base, at) + rest)
			if real == name {
				return nil
			}
			return []string{real}
		}
	}
	return nil
}

// literal is the part of a path before the first name with a pattern in it.
func literal(name string) string {
	i := strings.IndexAny(name, "*?[{")
	if i < 0 {
		return name
	}
	return strings.TrimSuffix(name[:strings.LastIndexByte(name[:i], '/')+1], "/")
}

// covers reports whether all that a path stands for fits a pattern. A path with
// patterns of its own does if what is below its literal part does.
func covers(pattern, name string) bool {
	pattern = normalPattern(pattern)
	if pattern == everything || pattern == name {
		return true
	}
	if base := literal(name); base != name {
		return strings.HasSuffix(pattern, "/**") && (matches(pattern, base+"/\x01") || matches(strings.TrimSuffix(pattern, "/**"), base))
	}
	return matches(pattern, name) || strings.HasSuffix(pattern, "/**") && matches(strings.TrimSuffix(pattern, "/**"), name)
}

// normalPattern writes a pattern as names of paths are written.
func normalPattern(pattern string) string {
	if pattern == everything {
		return pattern
	}
	name, _ := normal(pattern)
	return name
}
