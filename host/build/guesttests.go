package build

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// How files with tests are named that are compiled as modules are.
const (
	cTests              = "_test.c"
	assemblyScriptTests = ".test.ts"
)

// GuestTests compiles the tests of a source whose tests are WebAssembly, as
// [github.com/sparkstalk/sparkstalk/host/guesttest] runs them: each *_test.c of a
// source in C, which includes what it tests, and each assembly/*.test.ts of one in
// AssemblyScript whose package.json has no tests of another kind. It returns their
// files, with names that end in .wasm, in the folder to. ok is false for other
// sources.
func GuestTests(ctx context.Context, dir, to string, o Options) (files []string, ok bool, err error) {
	language, err := Detect(dir)
	if err != nil {
		return nil, false, err
	}
	o.Debug = true // so that a failure's stack has names
	var pattern, example string
	var with []string
	var compile func(ctx context.Context, dir, out string, o Options, sources ...string) error
	switch {
	case language == C:
		pattern, example, compile = "*"+cTests, "main"+cTests, compileC
	case language == AssemblyScript && !hasTestScript(dir):
		pattern, example, compile = "assembly/*"+assemblyScriptTests, "assembly/index"+assemblyScriptTests, compileAssemblyScript
		with = []string{assemblyScriptEntry} // which has what asconfig.json names
	default:
		return nil, false, nil
	}
	sources, err := filepath.Glob(filepath.Join(escape(dir), pattern))
	if err != nil {
		return nil, true, fmt.Errorf("test %s: %w", dir, err)
	}
	if len(sources) == 0 {
		return nil, true, fmt.Errorf("test %s: it has no tests; they are exports named test_… of files such as %s", dir, example)
	}
	if to, err = filepath.Abs(to); err != nil {
		return nil, true, fmt.Errorf("test %s: %w", dir, err)
	}
	for _, source := range sources {
		out := filepath.Join(to, filepath.Base(source)+".wasm")
		if source, err = filepath.Rel(dir, source); err == nil {
			err = compile(ctx, dir, out, o, append([]string{source}, with...)...)
		}
		if compile, ok := errors.AsType[*CompileError](err); ok {
			compile.Dir, compile.Language = dir, language
			return nil, true, compile
		}
		if err != nil {
			return nil, true, fmt.Errorf("test %s: %w", dir, err)
		}
		files = append(files, out)
	}
	return files, true, nil
}
