package worker

import (
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/abi"
)

// subclasses are Python's own exceptions and PySpark's by the classes that they are
// derived from. What is not here is derived from Exception alone.
var subclasses = map[string]string{
	"ArithmeticError":    "FloatingPointError OverflowError ZeroDivisionError",
	"BaseException":      "BaseExceptionGroup Exception GeneratorExit KeyboardInterrupt SystemExit",
	"BaseExceptionGroup": "ExceptionGroup",
	"ConnectionError":    "BrokenPipeError ConnectionAbortedError ConnectionRefusedError ConnectionResetError",
	"Exception":          "ExceptionGroup",
	"ImportError":        "ModuleNotFoundError",
	"IndentationError":   "TabError",
	"LookupError":        "IndexError KeyError",
	"NameError":          "UnboundLocalError",
	"OSError": "BlockingIOError ChildProcessError ConnectionError FileExistsError FileNotFoundError InterruptedError IsADirectoryError " +
		"NotADirectoryError PermissionError ProcessLookupError TimeoutError",
	"RuntimeError": "NotImplementedError RecursionError",
	"SyntaxError":  "IndentationError",
	"UnicodeError": "UnicodeDecodeError UnicodeEncodeError UnicodeTranslateError",
	"ValueError":   "UnicodeError",
	"Warning": "BytesWarning DeprecationWarning EncodingWarning FutureWarning ImportWarning PendingDeprecationWarning ResourceWarning RuntimeWarning " +
		"SyntaxWarning UnicodeWarning UserWarning",

	"pyspark.errors.SparkConnectException": "pyspark.errors.SparkConnectGrpcException",
	"pyspark.errors.SparkConnectGrpcException": "pyspark.errors.AnalysisException pyspark.errors.ArithmeticException pyspark.errors.ArrayIndexOutOfBoundsException " +
		"pyspark.errors.DateTimeException pyspark.errors.IllegalArgumentException pyspark.errors.InvalidPlanInput pyspark.errors.PickleException " +
		"pyspark.errors.PythonException pyspark.errors.QueryExecutionException pyspark.errors.SparkException pyspark.errors.SparkNoSuchElementException " +
		"pyspark.errors.SparkRuntimeException pyspark.errors.SparkUpgradeException pyspark.errors.StreamingPythonRunnerInitializationException " +
		"pyspark.errors.StreamingQueryException pyspark.errors.UnknownException pyspark.errors.UnsupportedOperationException",
	"pyspark.errors.AnalysisException":        "pyspark.errors.ParseException",
	"pyspark.errors.IllegalArgumentException": "pyspark.errors.NumberFormatException",
}

// superclasses are the same the other way round.
var superclasses = func() map[string][]string {
	of := map[string][]string{}
	for super, list := range subclasses {
		for class := range strings.FieldsSeq(list) {
			of[class] = append(of[class], super)
		}
	}
	return of
}()

const pysparkErrors = "pyspark.errors."

// matches reports whether an exception is of one of the named classes, or of one that
// is derived from it in Python or PySpark. Of other classes it is known that they are
// derived from Exception.
func matches(classes []string, e *abi.Error) bool {
	full := e.Type
	if e.Module != "" {
		full = e.Module + "." + e.Type
	}
	full = className(full)
	return slices.ContainsFunc(classes, func(c string) bool { return derives(full, className(c)) })
}

// className is by what a class is known here. PySpark's have several names each: one
// of its Connect client is derived from the one that all its clients have.
func className(full string) string {
	full = strings.TrimPrefix(full, "builtins.")
	if strings.HasPrefix(full, pysparkErrors) {
		return pysparkErrors + full[strings.LastIndexByte(full, '.')+1:]
	}
	if full == "IOError" || full == "EnvironmentError" {
		return "OSError"
	}
	return full
}

func derives(class, from string) bool {
	if class == from {
		return true
	}
	supers, known := superclasses[class]
	switch {
	case class == "BaseException":
		return false
	case known:
	case class == pysparkErrors+"PySparkException":
		supers = []string{"Exception"}
	case strings.HasPrefix(class, pysparkErrors+"PySpark"): // also one of Python's own
		supers = []string{pysparkErrors + "PySparkException", strings.TrimPrefix(class, pysparkErrors+"PySpark")}
	case strings.HasPrefix(class, pysparkErrors):
		supers = []string{pysparkErrors + "PySparkException"}
	default:
		supers = []string{"Exception"}
	}
	return slices.ContainsFunc(supers, func(s string) bool { return derives(s, from) })
}
