// Package scaffold makes the folder of a new task module from a template.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/sparkstalk/sparkstalk/sdk/lang"
)

// Below templates is a folder for each language. "go:embed" leaves out hidden
// files and folders with a go.mod, so that the files have names of their own.
//
//go:embed templates
var templates embed.FS

// Config says what module to make.
type Config struct {
	// Dir is the folder, which must be absent or empty. Its name is the
	// module's: a letter, then lower-case letters, digits and underscores.
	Dir string
	// Lang is the language, one of [Languages]. Empty means go.
	Lang string
	// SDK is a checkout of sparkstalk for modules that cannot be built without.
	// Empty looks for one: see [FindSDK].
	SDK string
	// Version is the version of sparkstalk to require where it is released.
	Version string
}

// A Result is what was made.
type Result struct {
	Dir   string   `json:"dir"`   // the folder's absolute path
	Name  string   `json:"name"`  // the module's
	Task  string   `json:"task"`  // the task that it begins with
	Files []string `json:"files"` // in Dir
	// Module is the Go module that the folder became part of, which then has no
	// go.mod of its own. SDK is the checkout that it is built with, if any.
	Module string `json:"module,omitempty"`
	SDK    string `json:"sdk,omitempty"`
}

// values are what templates may use.
type values struct {
	Package, Version, GoVersion, SDK string
}

// Languages are those that there are templates for.
func Languages() []string {
	entries, err := templates.ReadDir("templates")
	if err != nil { // embedded
		panic(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// New makes the folder. Nothing that is there is changed.
func New(cfg Config) (Result, error) {
	if cfg.Lang == "" {
		cfg.Lang = "go"
	}
	if !slices.Contains(Languages(), cfg.Lang) {
		return Result{}, fmt.Errorf("new: no template for the language %q; there are %s", cfg.Lang, strings.Join(Languages(), ", "))
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return Result{}, fmt.Errorf("new: %w", err)
	}
	name := filepath.Base(dir)
	if !validName.MatchString(name) || token.IsKeyword(name) {
		return Result{}, fmt.Errorf("new: %q is no name for a module: use lower-case letters, digits and _, a letter first, and no word of the language", name)
	}
	if err := absentOrEmpty(dir); err != nil {
		return Result{}, err
	}
	r := Result{Dir: dir, Name: name, Task: name + ".top"}
	v := values{Package: name, Version: cfg.Version, GoVersion: goVersion}
	var leaveOut string
	if cfg.Lang == "go" {
		if r.Module, err = enclosingModule(filepath.Dir(dir)); err != nil {
			return Result{}, err
		}
		if r.Module != "" {
			leaveOut = "go.mod"
		} else if v.SDK, err = FindSDK(cfg.SDK, filepath.Dir(dir)); err != nil {
			return Result{}, err
		}
		r.SDK = v.SDK
	}
	files, err := render(cfg.Lang, v)
	if err != nil {
		return Result{}, err
	}
	delete(files, leaveOut)
	sdk, err := lang.SDK(cfg.Lang)
	if err != nil {
		return Result{}, fmt.Errorf("new: %w", err)
	}
	for name, text := range sdk {
		files[path.Join("sparkstalk", name)] = text
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		to := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return Result{}, fmt.Errorf("new: %w", err)
		}
		if err := os.WriteFile(to, files[file], 0o666); err != nil {
			return Result{}, fmt.Errorf("new: %w", err)
		}
		r.Files = append(r.Files, file)
	}
	return r, nil
}

func absentOrEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("new: %w", err)
	case len(entries) > 0:
		return fmt.Errorf("new: %s is there and not empty; choose another name, or remove it", dir)
	}
	return nil
}

// render returns a template's files by the names that they get.
func render(lang string, v values) (map[string][]byte, error) {
	files := map[string][]byte{}
	root := path.Join("templates", lang)
	err := fs.WalkDir(templates, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(name)
		if err != nil {
			return err
		}
		t, err := template.New(name).Parse(string(text))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, v); err != nil {
			return err
		}
		to := strings.TrimSuffix(strings.TrimPrefix(name, root+"/"), ".tmpl")
		if base := path.Base(to); base == "gitignore" {
			to = path.Join(path.Dir(to), ".gitignore")
		}
		files[to] = out.Bytes()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("new: template: %w", err)
	}
	return files, nil
}
