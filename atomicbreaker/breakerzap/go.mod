module github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzap

go 1.25.0

require (
	github.com/sinkguard/go-atomicbreaker v0.0.0
	github.com/stretchr/testify v1.12.1
	go.uber.org/zap v1.28.0
)

require (
	go.uber.org/atomic v1.12.0 // indirect
	go.uber.org/multierr v1.10.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)

replace github.com/sinkguard/go-atomicbreaker => ../../
