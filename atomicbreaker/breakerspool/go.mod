module github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool

go 1.25.0

require (
	github.com/gofrs/flock v0.13.0
	github.com/sinkguard/go-atomicbreaker v0.0.0
	github.com/stretchr/testify v1.12.1
	pgregory.net/rapid v1.3.0
)

require (
	go.uber.org/atomic v1.12.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.37.0 // indirect
)

replace github.com/sinkguard/go-atomicbreaker => ../../
