package sdk

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pyjson"
)

// logHandler passes log lines to the host. The standard library's JSON handler
// encodes the attributes, inside a group of their own, so that none of them is
// taken for the line's level or message.
type logHandler struct {
	host   abi.Host
	buffer *bytes.Buffer
	json   slog.Handler
}

const attrGroup = "attrs"

func newLogHandler(host abi.Host) *logHandler {
	buffer := new(bytes.Buffer)
	encode := slog.NewJSONHandler(buffer, &slog.HandlerOptions{Level: slog.Level(math.MinInt)})
	return &logHandler{host, buffer, encode.WithGroup(attrGroup)}
}

// Enabled is always true: only the host knows its level.
func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	h.buffer.Reset()
	if err := h.json.Handle(ctx, record); err != nil {
		return fmt.Errorf("encode log attributes: %w", err)
	}
	members, err := pyjson.Object(h.buffer.Bytes())
	if err != nil {
		return fmt.Errorf("encode log attributes: %w", err)
	}
	var attrs []byte
	for _, m := range members {
		if m.Name == attrGroup {
			attrs = m.Value
		}
	}
	h.host.TaskLog(abi.Level(record.Level), record.Message, attrs)
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logHandler{h.host, h.buffer, h.json.WithAttrs(attrs)}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.host, h.buffer, h.json.WithGroup(name)}
}
