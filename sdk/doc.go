// Package sdk is what the author of a Go task imports.
//
// A task is a typed function, registered in init under the name that Celery
// clients call. The fields of its argument struct are its parameters: their
// order, names, defaults and types make positional and keyword arguments both
// work, and wrong ones the TypeError that a Python function would raise.
//
//	type Args struct {
//		Inputs      string `arg:"inputs" doc:"path, folder or glob of text files"`
//		FirstLetter string `arg:"first_letter,default=a"`
//	}
//
//	func init() {
//		sdk.Task("demo.WordCount", wordCount, sdk.Doc("the five most common words"))
//	}
//
//	func wordCount(ctx *sdk.Context, a Args) (*spark.DataFrame, error) { … }
//
//	func main() {}
//
// Spark is reached through [Context.Spark]; its DataFrames and functions, with
// PySpark's names, are in the packages sdk/spark and sdk/functions. [Cached]
// shares a DataFrame between the tasks of all modules; [Warm] has it built before
// the first of them comes.
//
// The same source is built as a WASM module, with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o demo.wasm .
//
// and runs under plain "go test" with the package sdk/sdktest. A module is a
// reactor: the host runs its init functions and never its main.
package sdk

// Version is the version of the SDK, as the module's manifest names it.
const Version = "0.1.0"
