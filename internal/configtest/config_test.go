// SPDX-License-Identifier: Apache-2.0

package configtest

import (
	"errors"
	"testing"

	"github.com/caarlos0/env/v11"
	"github.com/goccy/go-yaml"
	"github.com/knadh/koanf/v2"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// settings is a program's configuration.
type settings struct {
	Loki  atomicbreaker.Config            `env:"LOKI_BREAKER"                            koanf:"loki"  yaml:"loki"`
	OTLP  *atomicbreaker.Config           `env:"OTLP_BREAKER"                            koanf:"otlp"  yaml:"otlp"`
	File  atomicbreaker.Config            `env:"FILE_BREAKER" envDefault:"recovery=1s"   koanf:"file"  yaml:"file"`
	Named map[string]atomicbreaker.Config `koanf:"named"      yaml:"named"`
}

const document = `
loki: failures=7, recovery=0
otlp: "rate=0.2,dry-run=true"
named:
  syslog: probes=3
`

func parse(t *testing.T, text string) (c atomicbreaker.Config) {
	t.Helper()
	require.NoError(t, c.UnmarshalText([]byte(text)))
	return c
}

// requireRead checks what the document says.
func requireRead(t *testing.T, s settings) {
	t.Helper()
	require.Equal(t, parse(t, "failures=7,recovery=0s"), s.Loki)
	require.Equal(t, parse(t, "rate=0.2,dry-run=true"), *s.OTLP)
	require.Equal(t, parse(t, "probes=3"), s.Named["syslog"])
	require.Len(t, s.Loki.Options(), 2)
}

func TestYAML(t *testing.T) {
	var s settings
	require.NoError(t, yaml.Unmarshal([]byte(document), &s))
	requireRead(t, s)
	require.Equal(t, atomicbreaker.Config{}, s.File)

	text, err := yaml.Marshal(s)
	require.NoError(t, err)
	var back settings
	require.NoError(t, yaml.Unmarshal(text, &back))
	require.Equal(t, s, back)

	err = yaml.Unmarshal([]byte("loki: failures=0,speed=9"), &s)
	require.ErrorContains(t, err, `"failures=0": want 1..65535`)
	require.ErrorContains(t, err, `"speed=9": want a key of failures, `)
}

// provider passes a document that has been read to koanf.
type provider map[string]any

func (provider) ReadBytes() ([]byte, error)      { return nil, errors.New("not supported") }
func (p provider) Read() (map[string]any, error) { return p, nil }

func TestKoanf(t *testing.T) {
	read := make(provider)
	require.NoError(t, yaml.Unmarshal([]byte(document), &read))
	k := koanf.New(".")
	require.NoError(t, k.Load(read, nil))
	s := settings{File: parse(t, "recovery=1s")}
	require.NoError(t, k.Unmarshal("", &s))
	requireRead(t, s)
	require.Equal(t, parse(t, "recovery=1s"), s.File, "a default that the document does not change")

	var c atomicbreaker.Config
	require.NoError(t, k.Unmarshal("loki", &c))
	require.Equal(t, s.Loki, c)

	require.NoError(t, k.Set("loki", "failures=0"))
	require.ErrorContains(t, k.Unmarshal("", &s), `"failures=0": want 1..65535`)
}

func TestEnv(t *testing.T) {
	t.Setenv("LOKI_BREAKER", "failures=7,recovery=0")
	t.Setenv("OTLP_BREAKER", "rate=0.2,dry-run=true")
	s, err := env.ParseAs[settings]()
	require.NoError(t, err)
	require.Equal(t, parse(t, "failures=7,recovery=0s"), s.Loki)
	require.Equal(t, parse(t, "rate=0.2,dry-run=true"), *s.OTLP)
	require.Equal(t, parse(t, "recovery=1s"), s.File)

	t.Setenv("LOKI_BREAKER", "failures=0")
	_, err = env.ParseAs[settings]()
	require.ErrorContains(t, err, `"failures=0": want 1..65535`)
}
