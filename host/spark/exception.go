package spark

import "strings"

// The Python modules of PySpark's exceptions.
const (
	pysparkErrors  = "pyspark.errors"
	pysparkConnect = "pyspark.errors.exceptions.connect" // of those that pyspark.errors does not have
)

// exceptions are PySpark's exceptions by Java class, as its Connect client maps
// them.
var exceptions = map[string]string{
	"org.apache.spark.sql.catalyst.parser.ParseException":                                            "ParseException",
	"org.apache.spark.sql.AnalysisException":                                                         "AnalysisException",
	"org.apache.spark.sql.streaming.StreamingQueryException":                                         "StreamingQueryException",
	"org.apache.spark.sql.execution.QueryExecutionException":                                         "QueryExecutionException",
	"java.lang.NumberFormatException":                                                                "NumberFormatException",
	"java.lang.IllegalArgumentException":                                                             "IllegalArgumentException",
	"java.lang.ArithmeticException":                                                                  "ArithmeticException",
	"java.lang.UnsupportedOperationException":                                                        "UnsupportedOperationException",
	"java.lang.ArrayIndexOutOfBoundsException":                                                       "ArrayIndexOutOfBoundsException",
	"java.time.DateTimeException":                                                                    "DateTimeException",
	"org.apache.spark.SparkRuntimeException":                                                         "SparkRuntimeException",
	"org.apache.spark.SparkUpgradeException":                                                         "SparkUpgradeException",
	"org.apache.spark.api.python.PythonException":                                                    "PythonException",
	"org.apache.spark.SparkNoSuchElementException":                                                   "SparkNoSuchElementException",
	"org.apache.spark.SparkException":                                                                "SparkException",
	"org.apache.spark.sql.connect.common.InvalidPlanInput":                                           "InvalidPlanInput",
	"org.apache.spark.api.python.StreamingPythonRunner$StreamingPythonRunnerInitializationException": "StreamingPythonRunnerInitializationException",
}

// Exception returns the exception that PySpark's Connect client raises for e:
// its module and its name.
func (e *Error) Exception() (module, name string) {
	classes := e.Classes
	if len(classes) == 0 && e.Class != "" {
		classes = []string{e.Class}
	}
	for _, class := range classes {
		if class == "org.apache.spark.api.python.PythonException" {
			return pysparkErrors, "PythonException"
		}
	}
	for _, class := range classes {
		switch name := exceptions[class]; name {
		case "":
		case "SparkException":
			if strings.Contains(e.Message, "net.razorvine.pickle.PickleException") {
				return pysparkErrors, "PickleException"
			}
			return pysparkConnect, name
		case "InvalidPlanInput":
			return pysparkConnect, name
		default:
			return pysparkErrors, name
		}
	}
	if len(classes) == 0 {
		return pysparkConnect, "SparkConnectGrpcException"
	}
	return pysparkErrors, "UnknownException"
}
