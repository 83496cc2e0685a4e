package module

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/sparkstalk/sparkstalk/abi"
)

// importPrefix is what the names of import modules of all ABI versions begin with.
const importPrefix = "sparkstalk_v"

// check holds a compiled module's imports and exports against the ABI.
func (e *engine) check(c *code, file []byte) error {
	compiled := c.compiled
	// What needs a later version of the ABI is told before anything else: it
	// explains all the rest that is missing.
	imports := compiled.ImportedFunctions()
	for _, f := range imports {
		module, name, _ := f.Import()
		if v, err := strconv.Atoi(strings.TrimPrefix(module, importPrefix)); err == nil && strings.HasPrefix(module, importPrefix) && v > abi.Version {
			return refusal(AbiTooNew, "built for ABI version %d (it imports %s.%s), this host speaks 1 to %d", v, module, name, abi.Version)
		}
	}
	for _, other := range otherImports(file) {
		return refusal(ForbiddenImport, "it imports the %s %s.%s; a host has only functions to offer", other.kind, other.module, other.name)
	}
	for _, f := range imports {
		if guards(f) {
			continue
		}
		if err := e.checkImport(f); err != nil {
			return err
		}
	}
	exports := compiled.ExportedFunctions()
	for _, w := range wanted {
		f, ok := exports[w.name]
		if !ok {
			return refusal(MissingExport, "it exports no function %s", w.name)
		}
		if !slices.Equal(f.ParamTypes(), w.params) || !slices.Equal(f.ResultTypes(), w.results) {
			return refusal(MissingExport, "it exports %s as %s, not as %s", w.name,
				signature(f.ParamTypes(), f.ResultTypes()), signature(w.params, w.results))
		}
	}
	memory, ok := compiled.ExportedMemories()[abi.ExportMemory]
	if !ok {
		return refusal(MissingExport, "it exports no memory named %s", abi.ExportMemory)
	}
	if most := c.limits.MemoryMiB << 20 / pageSize; int(memory.Min()) > most { // of trusted modules, which are not rewritten
		return refusal(OverLimit, "its memory begins with %d pages of 64 KiB, the limit is %d (setting memory_mib)", memory.Min(), most)
	}
	return nil
}

func (e *engine) checkImport(f api.FunctionDefinition) error {
	module, name, _ := f.Import()
	switch module {
	case abi.ImportModule, wasi_snapshot_preview1.ModuleName:
	default:
		return refusal(ForbiddenImport, "it imports %s.%s; there are only %s and %s", module, name, abi.ImportModule, wasi_snapshot_preview1.ModuleName)
	}
	var have map[string]api.FunctionDefinition
	if m := e.runtime.Module(module); m != nil {
		have = m.ExportedFunctionDefinitions()
	}
	host, ok := have[name]
	if ok && module == abi.ImportModule && e.cfg.Serves != nil {
		ok = e.cfg.Serves(name)
	}
	if !ok {
		return refusal(ForbiddenImport, "it imports %s.%s, which this host does not have", module, name)
	}
	if !slices.Equal(host.ParamTypes(), f.ParamTypes()) || !slices.Equal(host.ResultTypes(), f.ResultTypes()) {
		return refusal(ForbiddenImport, "it imports %s.%s as %s, the host has it as %s", module, name,
			signature(f.ParamTypes(), f.ResultTypes()), signature(host.ParamTypes(), host.ResultTypes()))
	}
	return nil
}

// signature prints a function's type as "(i32, i32) -> i64".
func signature(params, results []api.ValueType) string {
	names := func(types []api.ValueType) string {
		list := make([]string, len(types))
		for i, t := range types {
			list[i] = api.ValueTypeName(t)
		}
		return strings.Join(list, ", ")
	}
	if len(results) == 0 {
		return fmt.Sprintf("(%s)", names(params))
	}
	return fmt.Sprintf("(%s) -> %s", names(params), names(results))
}
