package tpchtest

import (
	"testing"

	"github.com/sparkstalk/sparkstalk/host/internal/hosttest"
)

func TestMain(m *testing.M) { hosttest.Main(m) }
