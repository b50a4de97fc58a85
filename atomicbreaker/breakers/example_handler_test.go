// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// The debug page, on a port of its own that only this machine can reach.
func ExampleRegistry_Handler() {
	registry := breakers.NewRegistry()
	loki := registry.MustNew("loki")
	loki.Trip()

	mux := http.NewServeMux()
	mux.Handle("/debug/breakers", registry.Handler())
	server := httptest.NewServer(mux) // use http.ListenAndServe("localhost:6060", mux)
	defer server.Close()

	response, err := http.Get(server.URL + "/debug/breakers?format=text")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	var at string
	var closed, open int
	_, err = fmt.Fscanf(response.Body, "overview at=%s counts.closed=%d counts.open=%d", &at, &closed, &open)
	fmt.Println(closed, "closed,", open, "open,", err)
	runtime.KeepAlive(loki)
	// Output: 0 closed, 1 open, <nil>
}

// With controls, for those who know a password. The browser asks for it.
func ExampleWithControl() {
	registry := breakers.NewRegistry()
	loki := registry.MustNew("loki")
	const password = "correct horse" // read it from the configuration

	page := registry.Handler(
		breakers.WithHosts("admin.example.com"),
		breakers.WithControl(func(r *http.Request) bool {
			_, given, _ := r.BasicAuth()
			return subtle.ConstantTimeCompare([]byte(given), []byte(password)) == 1
		}),
	)
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/breakers", func(w http.ResponseWriter, r *http.Request) {
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", "Basic")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		page.ServeHTTP(w, r)
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	response, err := http.Get(server.URL + "/debug/breakers")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	fmt.Println(response.Status)
	runtime.KeepAlive(loki)
	// Output: 401 Unauthorized
}
