package judgetest_test

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m) }
