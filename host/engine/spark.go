package engine

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/internal/process"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

const sparkVersion = "4.3.0"

// spark is Apache Spark in local mode: java on the jars of the pyspark package,
// without Python and without spark-submit, which would start a second JVM first.
type spark struct {
	cores  int
	cfg    Config
	record string // write an archive of the loaded classes there at the end
}

func (s *spark) label() string  { return fmt.Sprintf("Spark %s local[%d]", sparkVersion, s.cores) }
func (s *spark) folder() string { return "spark-" + sparkVersion }
func (s *spark) target() string { return "local" }

// opened are the JDK's packages that Spark reaches into, as its own launcher
// opens them.
var opened = []string{
	"java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
	"java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs",
	"sun.security.action", "sun.util.calendar",
}

// logging keeps the one line at info that names the port, and leaves out what a
// failed query says: its client hears that, and it is no fault of the engine's.
const logging = `status = error
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.target = SYSTEM_ERR
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %p %c{1}: %m%n%xThrowable{short}
logger.server.name = org.apache.spark.sql.connect.service.SparkConnectServer
logger.server.level = info
logger.executor.name = org.apache.spark.executor.Executor
logger.executor.level = fatal
logger.tasks.name = org.apache.spark.scheduler.TaskSetManager
logger.tasks.level = fatal
logger.rpc.name = org.apache.spark.sql.connect.utils.ErrorUtils
logger.rpc.level = fatal
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
`

// pools has the queries of all tasks share the cores. Without it
// spark.scheduler.mode=FAIR is about pools alone, and a Connect server runs all
// in one, whose own order is that of arrival.
const pools = `<?xml version="1.0"?>
<allocations>
  <pool name="default"><schedulingMode>FAIR</schedulingMode></pool>
</allocations>
`

func (s *spark) check() error {
	_, java := findJava()
	_, jars := s.cfg.extraJars()
	return errors.Join(java, jars)
}

func (s *spark) command(dir string, run *rundir.Dir, port int) (process.Config, error) {
	j, err := findJava()
	if err != nil {
		return process.Config{}, err
	}
	args, err := s.arguments(dir, run, port, j)
	if err != nil {
		return process.Config{}, err
	}
	for name, text := range map[string]string{"log4j2.properties": logging, "pools.xml": pools} {
		if err := os.WriteFile(run.Join(name), []byte(text), 0o600); err != nil {
			return process.Config{}, err
		}
	}
	for _, sub := range []string{"tmp", "local", "warehouse"} {
		if err := os.Mkdir(run.Join(sub), 0o700); err != nil {
			return process.Config{}, err
		}
	}
	// The class path is some 20 kB: a file keeps ps readable.
	file := run.Join("java.args")
	if err := os.WriteFile(file, argumentFile(args), 0o600); err != nil {
		return process.Config{}, err
	}
	return process.Config{
		Path: j.path,
		Args: []string{"@" + file},
		Env: childEnv(map[string]string{
			"MALLOC_ARENA_MAX": "2", // glibc's default costs hundreds of MB with Spark's threads
			"SPARK_LOCAL_IP":   "127.0.0.1",
		}, "CLASSPATH", "SPARK_LOCAL_DIRS", "SPARK_CONNECT_AUTHENTICATE_TOKEN", "SPARK_PUBLIC_DNS"),
	}, nil
}

// arguments are java's, the main class last.
func (s *spark) arguments(dir string, run *rundir.Dir, port int, j java) ([]string, error) {
	jars, err := jarsIn(filepath.Join(dir, jarsName))
	if err != nil {
		return nil, err
	}
	// Behind the others: the archive of classes holds for a class path that
	// begins with the one it was made for.
	extra, err := s.cfg.extraJars()
	if err != nil {
		return nil, err
	}
	jars = append(jars, extra...)
	args := []string{
		fmt.Sprintf("-Xmx%dm", s.cfg.MemoryMiB),
		"-XX:+ExitOnOutOfMemoryError", // a supervised engine that restarts beats one that limps
		"-XX:-UsePerfData",            // or a file stays in /tmp after a kill
		"-XX:+IgnoreUnrecognizedVMOptions",
		"--add-modules=jdk.incubator.vector",
		"-Djdk.reflect.useDirectMethodHandle=false",
		"-Dio.netty.tryReflectionSetAccessible=true",
		"-Djava.io.tmpdir=" + run.Join("tmp"),
		"-Dlog4j2.configurationFile=file:" + run.Join("log4j2.properties"),
	}
	if s.cfg.Quick {
		args = append(args, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
	}
	archive := j.archive(dir)
	switch _, err := os.Stat(archive); {
	case s.record != "":
		args = append(args, "-XX:ArchiveClassesAtExit="+s.record)
	case err == nil:
		args = append(args, "-XX:SharedArchiveFile="+archive, "-Xshare:auto")
	}
	for _, p := range opened {
		args = append(args, "--add-opens=java.base/"+p+"=ALL-UNNAMED")
	}
	conf := map[string]string{
		"spark.master":                       fmt.Sprintf("local[%d]", s.cores),
		"spark.app.name":                     "sparkstalk",
		"spark.ui.enabled":                   "false",
		"spark.driver.host":                  "127.0.0.1",
		"spark.driver.bindAddress":           "127.0.0.1",
		"spark.connect.grpc.binding.address": "127.0.0.1",
		"spark.connect.grpc.binding.port":    strconv.Itoa(port),
		"spark.connect.grpc.port.maxRetries": "0", // another port is ours to choose
		// The host's one session holds every cached frame: it ends with the host.
		"spark.connect.session.manager.defaultSessionTimeout": "-1",
		// Ended operations' ids may be used again: package spark cancels with that
		// what an interrupted one has left.
		"spark.connect.session.inactiveOperations.cacheExpiration": "0",
		"spark.sql.catalogImplementation":                          "in-memory",
		"spark.sql.shuffle.partitions":                             strconv.Itoa(max(4, s.cores)),
		"spark.sql.warehouse.dir":                                  s.cfg.warehouse(run.Join("")),
		"spark.local.dir":                                          run.Join("local"),
		"spark.scheduler.mode":                                     "FAIR",
		"spark.scheduler.allocation.file":                          "file:" + run.Join("pools.xml"),
		// Threads and history that one machine has no use for: together 1 GB less
		// after some hundred queries.
		"spark.sql.broadcastExchange.maxThreadThreshold": "8",
		"spark.sql.shuffleExchange.maxThreadThreshold":   "16",
		"spark.sql.ui.retainedExecutions":                "10",
		"spark.ui.retainedJobs":                          "20",
		"spark.ui.retainedStages":                        "20",
	}
	maps.Copy(conf, s.cfg.Conf)
	for _, name := range slices.Sorted(maps.Keys(conf)) {
		args = append(args, "-D"+name+"="+conf[name])
	}
	// The archive of classes holds for exactly this text, so the order must not
	// depend on the file system's.
	return append(args, "-cp", strings.Join(jars, string(os.PathListSeparator)),
		"org.apache.spark.sql.connect.service.SparkConnectServer"), nil
}

// sessionConf is empty: Spark's sessions begin with the engine's settings.
func (s *spark) sessionConf(*rundir.Dir) map[string]string { return nil }

// argumentFile quotes arguments for java's @file.
func argumentFile(args []string) []byte {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var b strings.Builder
	for _, a := range args {
		b.WriteString(`"` + quote.Replace(a) + "\"\n")
	}
	return []byte(b.String())
}

var sparkListens = regexp.MustCompile(`Spark Connect server started at: \S*:(\d+)`)

func (s *spark) port(line string) (int, bool) { return portIn(sparkListens, line) }

func (s *spark) failed(line string) bool {
	return strings.HasPrefix(line, "ERROR ") || strings.HasPrefix(line, "FATAL ") || strings.HasPrefix(line, "Exception in thread")
}

// jarsIn lists the jars of a folder in a fixed order.
func jarsIn(dir string) ([]string, error) {
	jars, err := filepath.Glob(filepath.Join(dir, "*.jar"))
	if err != nil {
		return nil, err
	}
	if len(jars) == 0 {
		return nil, fmt.Errorf("no jars in %s: remove that install and make it again", dir)
	}
	sort.Strings(jars)
	return jars, nil
}

// foreign says whether a jar holds machine code for another system than this.
func foreign(name string) bool {
	i := strings.LastIndex(name, ".Final-")
	if i < 0 {
		return false
	}
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch_64", "riscv64": "riscv64"}[runtime.GOARCH]
	system := map[string]string{"darwin": "osx"}[runtime.GOOS]
	if system == "" {
		system = runtime.GOOS
	}
	return name[i+len(".Final-"):] != system+"-"+arch+".jar"
}
