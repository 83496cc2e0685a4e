package io.sparkstalk.udf;

import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.ConcurrentHashMap;

import run.endive.compiler.InterpreterFallback;
import run.endive.compiler.MachineFactoryCompiler;
import run.endive.runtime.ImportFunction;
import run.endive.runtime.ImportValues;
import run.endive.runtime.Instance;
import run.endive.runtime.Machine;
import run.endive.wasm.Parser;
import run.endive.wasm.WasmModule;
import run.endive.wasm.types.FunctionImport;
import run.endive.wasm.types.FunctionType;
import run.endive.wasm.types.Import;
import run.endive.wasm.types.MemoryLimits;

/**
 * A module, compiled to Java's bytecode once in a JVM and session. Each thread that runs tasks gets an instance of its
 * own, which lives as long as the thread, and Spark ends threads that are idle for a minute.
 */
final class Code {
    private static final ConcurrentHashMap<String, Code> ALL = new ConcurrentHashMap<>();

    private final WasmModule module;
    private final java.util.function.Function<Instance, Machine> machine;
    private final ThreadLocal<Guest> guests = new ThreadLocal<>();

    private Code(byte[] file) {
        module = Parser.parse(file);
        // Few functions are too long for a method of Java's; those alone are interpreted.
        machine = MachineFactoryCompiler.builder(module).withInterpreterFallback(InterpreterFallback.SILENT).withCache(new Compiled()).compile();
    }

    static Code of(Spec spec, ClassLoader loader) {
        Code code = ALL.get(spec.module);
        return code != null ? code : ALL.computeIfAbsent(spec.module, hash -> load(hash, loader));
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

    Guest guest(Spec spec) {
        Guest g = guests.get();
        if (g == null) {
            g = new Guest(this, spec);
            guests.set(g);
        }
        return g;
    }

    /** Has the thread's next call begin with a new instance. */
    void forget() {
        guests.remove();
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
        Instance.Builder builder = Instance.builder(module).withImportValues(imports.build()).withMachineFactory(machine).withStart(false);
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
