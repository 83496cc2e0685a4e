package io.sparkstalk.udf;

import java.io.IOException;
import java.io.InputStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import run.endive.compiler.InterpreterFallback;
import run.endive.compiler.MachineFactoryCompiler;
import run.endive.runtime.CompiledModule;
import run.endive.runtime.ImportFunction;
import run.endive.runtime.ImportValues;
import run.endive.runtime.Instance;
import run.endive.runtime.Machine;
import run.endive.wasm.Parser;
import run.endive.wasm.WasmEngineException;
import run.endive.wasm.WasmModule;
import run.endive.wasm.types.CodeSection;
import run.endive.wasm.types.FunctionBody;
import run.endive.wasm.types.FunctionImport;
import run.endive.wasm.types.FunctionType;
import run.endive.wasm.types.Import;
import run.endive.wasm.types.MemoryLimits;

/**
 * A module, compiled to Java's bytecode once in a JVM and session. Each thread that runs tasks gets an instance of its
 * own. Modules and instances that were not used for longest go when there are many: versions of a module come and go
 * while a session and its threads live on.
 */
final class Code {
    private static final int MOST_MODULES = 16;
    private static final int MOST_GUESTS = 8;

    private static final Map<String, Code> ALL = recent(MOST_MODULES);
    private static final ThreadLocal<Guests> GUESTS = ThreadLocal.withInitial(Guests::new);

    private final WasmModule module;
    private final java.util.function.Function<Instance, Machine> machine;

    /** The instances of a thread, and which of them it used last. */
    private static final class Guests {
        final Map<Code, Guest> all = recent(MOST_GUESTS);
        Code code;
        Guest guest;
    }

    private static <K, V> Map<K, V> recent(int most) {
        return new LinkedHashMap<>(16, 0.75f, true) {
            private static final long serialVersionUID = 1L;

            @Override
            protected boolean removeEldestEntry(Map.Entry<K, V> eldest) {
                return size() > most;
            }
        };
    }

    private Code(byte[] file) {
        WasmModule whole = Parser.parse(file);
        java.util.function.Function<Instance, Machine> compiled;
        try {
            compiled = compiler(whole).withInterpreterFallback(InterpreterFallback.FAIL).compile();
        } catch (WasmEngineException e) {
            // A function is too long for a method of Java's. Those alone are interpreted.
            module = whole;
            machine = compiler(whole).withInterpreterFallback(InterpreterFallback.SILENT).compile();
            return;
        }
        // A module of Go's takes 80 MB in the parser's form, nearly all of it code.
        module = withoutCode(whole);
        machine = compiled instanceof CompiledModule ? ((CompiledModule) compiled).machineFactory() : compiled;
    }

    private static MachineFactoryCompiler.Builder compiler(WasmModule module) {
        return MachineFactoryCompiler.builder(module).withCache(new Compiled());
    }

    private static WasmModule withoutCode(WasmModule m) {
        FunctionBody empty = new FunctionBody(List.of(), List.of());
        CodeSection.Builder code = CodeSection.builder().setRequiresDataCount(m.codeSection().isRequiresDataCount());
        for (int i = 0; i < m.codeSection().functionBodyCount(); i++) {
            code.addFunctionBody(empty);
        }
        WasmModule.Builder lean = WasmModule.builder().withValidation(false).setTypeSection(m.typeSection()).setImportSection(m.importSection())
                .setFunctionSection(m.functionSection()).setTableSection(m.tableSection()).setGlobalSection(m.globalSection())
                .setExportSection(m.exportSection()).setElementSection(m.elementSection()).setCodeSection(code.build()).setDataSection(m.dataSection());
        m.memorySection().ifPresent(lean::setMemorySection);
        m.dataCountSection().ifPresent(lean::setDataCountSection);
        m.startSection().ifPresent(lean::setStartSection);
        m.tagSection().ifPresent(lean::setTagSection);
        return lean.build();
    }

    private static Code of(Spec spec, ClassLoader loader) {
        synchronized (ALL) {
            // Whoever needs it meanwhile waits here, and does not compile it as well.
            Code code = ALL.get(spec.module);
            if (code == null) {
                code = load(spec.module, loader);
                ALL.put(spec.module, code);
            }
            return code;
        }
    }

    private static Code load(String hash, ClassLoader loader) {
        String name = "wasm/" + hash + ".wasm";
        try (InputStream in = loader.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the session's artifacts lack " + name);
            }
            return new Code(in.readAllBytes());
        } catch (IOException e) {
            throw new IllegalStateException("read " + name + ": " + e.getMessage());
        }
    }

    /** Returns this thread's instance of a function's module. */
    static Guest guest(Spec spec, ClassLoader loader) {
        Guests mine = GUESTS.get();
        Code code = spec.code;
        if (code == null) {
            code = spec.code = of(spec, loader);
        }
        if (mine.code != code) {
            Guest known = mine.all.get(code);
            if (known == null) {
                known = new Guest(code, spec);
                mine.all.put(code, known);
            }
            mine.code = code;
            mine.guest = known;
        }
        return mine.guest;
    }

    /** Has this thread's next call begin with a new instance. */
    void forget() {
        Guests mine = GUESTS.get();
        mine.all.remove(this);
        mine.code = null;
        mine.guest = null;
    }

    Instance instantiate(Wasi wasi, int maxPages) {
        ImportValues.Builder imports = ImportValues.builder();
        for (int i = 0; i < module.importSection().importCount(); i++) {
            Import imported = module.importSection().getImport(i);
            if (!(imported instanceof FunctionImport)) {
                throw new IllegalStateException("the module imports " + imported.module() + "." + imported.name() + ", which is no function");
            }
            FunctionType type = module.typeSection().getType(((FunctionImport) imported).typeIndex());
            imports.addFunction(new ImportFunction(imported.module(), imported.name(), type, wasi.function(imported.module(), imported.name())));
        }
        Instance.Builder builder = Instance.builder(module).withImportValues(imports.build()).withMachineFactory(machine)
                .withMemoryFactory(FlatMemory::new).withStart(false);
        if (module.memorySection().isPresent() && module.memorySection().get().memoryCount() > 0) {
            MemoryLimits own = module.memorySection().get().getMemory(0).limits();
            if (own.initialPages() > maxPages) {
                throw new IllegalStateException("an instance begins with " + own.initialPages() / 16 + " MiB of memory, and may have " + maxPages / 16);
            }
            builder.withMemoryLimits(new MemoryLimits(own.initialPages(), Math.min(own.maximumPages(), maxPages)));
        }
        return builder.build();
    }
}
