package engine

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ours are the settings that this package needs for itself.
var ours = map[string]string{
	"spark.master":                       "the engine's name is local[N]",
	"spark.connect.grpc.binding.address": "a local engine listens on this machine alone",
	"spark.connect.grpc.binding.port":    "the port is chosen at each start",
	"spark.driver.memory":                "give the engine's memory (spark_memory)",
	"spark.jars":                         "give the engine's jars (spark_jars)",
}

// checkSettings looks at what goes to the engine. It reports every bad field.
func (c Config) checkSettings() error {
	var bad []error
	local, remote := strings.HasPrefix(c.Spec, "local"), strings.HasPrefix(c.Spec, "sc://")
	if c.MemoryMiB != 0 && c.MemoryMiB < 512 && !remote {
		bad = append(bad, fmt.Errorf("engine memory of %d MiB: engines need 512 or more", c.MemoryMiB))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Conf)) {
		why, taken := ours[name]
		switch {
		case taken && !remote:
			bad = append(bad, fmt.Errorf("engine setting %s: %s", name, why))
		case strings.HasPrefix(name, "spark."):
		case strings.HasPrefix(name, "sail.") && c.Spec == "sail":
		case strings.HasPrefix(name, "sail."):
			bad = append(bad, fmt.Errorf("engine setting %s: it is Sail's, and the engine is %s", name, c.Spec))
		default:
			bad = append(bad, fmt.Errorf("engine setting %s: names begin with spark. (or sail., for Sail's own)", name))
		}
	}
	if len(c.Jars) > 0 && !local {
		way := "Sail runs no Java: use local[N]"
		if remote {
			way = "put them on the server's class path"
		}
		bad = append(bad, fmt.Errorf("engine jars: %s", way))
	}
	if c.Warehouse != "" && remote {
		bad = append(bad, errors.New("engine warehouse: it is the server's to choose (spark.sql.warehouse.dir)"))
	}
	return errors.Join(bad...)
}

// extraJars are the files that Config.Jars names, each once, in that order.
func (c Config) extraJars() ([]string, error) {
	var jars []string
	for _, name := range c.Jars {
		pattern := name
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			pattern = filepath.Join(name, "*.jar")
		}
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, fmt.Errorf("engine jars %q: %w", name, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("engine jars %q: there is no such file", name)
		}
		for _, jar := range found {
			if jar, err = filepath.Abs(jar); err != nil {
				return nil, fmt.Errorf("engine jars %q: %w", name, err)
			}
			if !slices.Contains(jars, jar) {
				jars = append(jars, jar)
			}
		}
	}
	return jars, nil
}

// warehouse is the folder of managed tables; run has the one that ends with
// the engine.
func (c Config) warehouse(run string) string {
	if c.Warehouse == "" {
		return filepath.Join(run, "warehouse")
	}
	if dir, err := filepath.Abs(c.Warehouse); err == nil {
		return dir
	}
	return c.Warehouse
}
