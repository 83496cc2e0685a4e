package celery

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"
)

// MaxBody is how many bytes a compressed body may have once inflated, unless a
// [Decoder] says otherwise.
const MaxBody = 16 << 20

// maxWindow bounds what a decompressor keeps to look back on, in bytes, however
// large a window the body asks for. All of Celery's senders stay below it but
// for lzma's highest preset, which asks for just that.
const maxWindow = 64 << 20

// decompressors are the compressions that are read, by each name that the
// compression header and stored results use. Celery's gzip is a zlib stream,
// its lzma an xz file.
var decompressors = map[string]func(io.Reader) (io.ReadCloser, error){
	"application/x-gzip":   zlib.NewReader,
	"gzip":                 zlib.NewReader,
	"zlib":                 zlib.NewReader,
	"application/x-bz2":    openBzip2,
	"bzip2":                openBzip2,
	"bzip":                 openBzip2,
	"application/x-lzma":   openXZ,
	"lzma":                 openXZ,
	"xz":                   openXZ,
	"application/x-brotli": openBrotli,
	"brotli":               openBrotli,
	"application/zstd":     openZstd,
	"zstd":                 openZstd,
	"zstandard":            openZstd,
}

// compressors are those that are written, by kombu's names and content types.
var compressors = map[string]struct {
	contentType string
	write       func([]byte) ([]byte, error)
}{}

func init() {
	for _, c := range []struct {
		names []string // the content type first
		open  func(io.Writer) (io.WriteCloser, error)
	}{
		{[]string{"application/x-gzip", "gzip", "zlib"}, func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }},
		{[]string{"application/x-brotli", "brotli"}, func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriter(w), nil }},
		{[]string{"application/zstd", "zstd", "zstandard"}, func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		}},
	} {
		write := func(data []byte) ([]byte, error) {
			var out bytes.Buffer
			w, err := c.open(&out)
			if err == nil {
				_, err = w.Write(data)
			}
			if err == nil {
				err = w.Close()
			}
			return out.Bytes(), err
		}
		for _, name := range c.names {
			compressors[name] = struct {
				contentType string
				write       func([]byte) ([]byte, error)
			}{c.names[0], write}
		}
	}
}

// ErrOnlyRead is wrapped where a compression is read and cannot be written.
var ErrOnlyRead = errors.New("is read but not written")

// CheckCompression reports as an error what compress cannot write; empty is none.
func CheckCompression(method string) error {
	if _, ok := compressors[method]; ok || method == "" {
		return nil
	}
	if _, ok := decompressors[method]; ok {
		return fmt.Errorf("compression %q %w; use gzip, brotli or zstd", method, ErrOnlyRead)
	}
	return fmt.Errorf("compression %q is not known; use gzip, brotli or zstd", method)
}

// compress packs data and returns the content type that says how.
func compress(method string, data []byte) (packed []byte, contentType string, err error) {
	if err := CheckCompression(method); err != nil {
		return nil, "", err
	}
	c := compressors[method]
	packed, err = c.write(data)
	return packed, c.contentType, err
}

func openBzip2(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }

func openXZ(r io.Reader) (io.ReadCloser, error) {
	x, err := xz.NewReader(r, maxWindow)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(x), nil
}

func openBrotli(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(brotli.NewReader(r)), nil }

func openZstd(r io.Reader) (io.ReadCloser, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// decompress inflates data to at most limit bytes.
func decompress(method string, data []byte, limit int64) (_ []byte, err error) {
	open := decompressors[method]
	if open == nil {
		return nil, fmt.Errorf("compression %q is not known", method)
	}
	r, err := open(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("compression %s: %w", method, err)
	}
	defer func() {
		if closeErr := r.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("compression %s: %w", method, closeErr)
		}
	}()
	out, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("compression %s: %w", method, err)
	}
	if int64(len(out)) > limit {
		return nil, fmt.Errorf("compression %s: body inflates to more than %d bytes", method, limit)
	}
	return out, nil
}
