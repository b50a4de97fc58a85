module github.com/sinkguard/go-atomicbreaker/internal/configtest

go 1.25.0

require (
	github.com/caarlos0/env/v11 v11.4.1
	github.com/goccy/go-yaml v1.19.2
	github.com/knadh/koanf/v2 v2.4.1
	github.com/sinkguard/go-atomicbreaker v0.0.0
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/go-viper/mapstructure/v2 v2.4.0 // indirect
	github.com/knadh/koanf/maps v0.1.2 // indirect
	github.com/mitchellh/copystructure v1.2.0 // indirect
	github.com/mitchellh/reflectwalk v1.0.2 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/sinkguard/go-atomicbreaker => ../../
