package sdk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/abi/abitest"
	"github.com/sparkstalk/sparkstalk/sdk"
	"github.com/sparkstalk/sparkstalk/sdk/spark"
)

func upTo(ctx *sdk.Context, n int64) *spark.DataFrame { return ctx.Spark().Range(0, n) }

func init() {
	sdk.Cached("test.warm", upTo, sdk.Warm(int64(3), int64(4)), sdk.StorageLevel("DISK_ONLY"), sdk.Lazy(), sdk.TTL(90*time.Second))
	sdk.Cached("test.plain", upTo, sdk.Warm(int64(5)))
}

// recorder is a host that is called without arguments.
type recorder struct{ abitest.Recorder }

func (*recorder) TaskArgs() []byte { return []byte(`{"args":[],"kwargs":{}}`) }

func TestWarmCachesAreInTheManifestBehindTheTasks(t *testing.T) {
	m := sdk.Manifest()
	var got []string
	for _, w := range m.Warm {
		got = append(got, fmt.Sprintf("%s %s", w.Cache, w.Key))
	}
	if want := []string{"test.warm 3", "test.warm 4", "test.plain 5"}; !slices.Equal(got, want) {
		t.Errorf("warm = %q, want %q", got, want)
	}
	for place, want := range []string{
		`FrameRange("0", "3", "1", "0") FrameCacheWith("0", "test.warm", "[storage_level DISK_ONLY lazy true ttl 90]"`,
		`FrameRange("0", "4", "1", "0") FrameCacheWith("0", "test.warm", "[storage_level DISK_ONLY lazy true ttl 90]"`,
		`FrameRange("0", "5", "1", "0") FrameCache("0", "test.plain") ResultFrame("0", "0")`,
	} {
		host := &recorder{}
		if status := sdk.Run(host, int32(len(m.Tasks)+place)); status != 0 {
			t.Fatalf("place %d: status %d, calls %v", place, status, host.Calls)
		}
		calls := fmt.Sprint(host.Calls)
		if !strings.Contains(calls, want) {
			t.Errorf("place %d: %s\nwant %s", place, calls, want)
		}
	}
	if status := sdk.Run(&recorder{}, int32(len(m.Tasks)+len(m.Warm))); status != 1 {
		t.Errorf("one behind the last: status %d, want 1", status)
	}
}

func TestWrongCacheOptionsArePanics(t *testing.T) {
	for want, define := range map[string]func(){
		`sdk.Cached "x": its keys are of type int64, and sdk.Warm has a int`: func() { sdk.Cached("x", upTo, sdk.Warm(3)) },
		`sdk.Cached "y": a TTL of zero would keep nothing`:                   func() { sdk.Cached("y", upTo, sdk.TTL(0)) },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got %v, want %s", got, want)
				}
			}()
			define()
		}()
	}
}
