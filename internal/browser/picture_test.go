// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/internal/browser/scene"
)

// picture is the picture of the page in README.md.
const picture = "../../atomicbreaker/breakers/testdata/page.png"

// The picture shows the page as it is now. It has in it the HTML that it was taken of, and the test
// compares that, and no pixels. PICTURE=1 takes it again.
func TestPicture(t *testing.T) {
	var document string
	synctest.Test(t, func(*testing.T) {
		s := scene.New(time.Minute) // in virtual time, so that the page is always the same
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		s.Registry.Handler().ServeHTTP(w, r)
		document = w.Body.String()
		runtime.KeepAlive(s)
	})
	if os.Getenv("PICTURE") != "" {
		require.NoError(t, os.WriteFile(picture, withText(t, take(t, document), content(document)), 0o600))
	}
	image, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.Equal(t, content(document), textOf(t, image), "run make picture")
	require.Less(t, len(image), 200<<10)
}

// content returns the part of a document that a person reads. The IDs depend on the tests before.
func content(document string) string {
	_, document, _ = strings.Cut(document, "<main")
	document, _, _ = strings.Cut(document, "</main>")
	return regexp.MustCompile(`"(b|\?id=)\d+"`).ReplaceAllString(document, `"$1"`)
}

// take takes a picture of a document.
func take(t *testing.T, document string) []byte {
	t.Helper()
	server := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("live") {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, document)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	tb := open(t, server.URL)
	tb.wear(look{"light", 1120, 700})
	tb.visit(server.URL)
	tb.live()
	image, err := chromedp.Run(tb.ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	return image
}

const (
	signature = "\x89PNG\r\n\x1a\n"
	keyword   = "Source\x00\x00" // of a compressed text, and the method of compression
)

// withText adds a compressed text to a PNG, behind its first chunk.
func withText(t *testing.T, image []byte, text string) []byte {
	t.Helper()
	require.True(t, bytes.HasPrefix(image, []byte(signature)))
	var data bytes.Buffer
	data.WriteString("zTXt" + keyword)
	z := zlib.NewWriter(&data)
	_, err := io.WriteString(z, text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	chunk := binary.BigEndian.AppendUint32(nil, uint32(data.Len()-4))
	chunk = append(chunk, data.Bytes()...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(data.Bytes()))
	const first = len(signature) + 25 // the header chunk
	return append(append(bytes.Clone(image[:first]), chunk...), image[first:]...)
}

// textOf returns the text that withText added.
func textOf(t *testing.T, image []byte) string {
	t.Helper()
	_, data, found := bytes.Cut(image, []byte("zTXt"+keyword))
	require.True(t, found)
	z, err := zlib.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	return string(text)
}
