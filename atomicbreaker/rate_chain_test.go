// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// chain is the failure count of a closed breaker whose calls fail independently. It is a Markov
// chain: a failure adds failure, a success subtracts success but not below 0, and limit opens the
// breaker.
type chain struct{ failure, success, limit int }

// meanCalls returns the mean number of calls, from a count of 0, until a chain opens whose calls
// fail with probability p.
//
// It eliminates the counts from the highest down, by the algorithm of Grassmann, Taksar and Heyman:
// the probability of leaving a count is a sum and never 1 minus the rest. Nothing is subtracted, so
// a mean of 1e50 is as accurate as one of 5. The count changes by at most failure and success, so
// few entries matter.
func (c chain) meanCalls(p float64) float64 {
	type row struct {
		down  []float64 // probability of moving down by 1, 2, ... up to success, at most to 0
		up    []float64 // the same up, to at most failure; the breaker stays closed
		opens float64
		calls float64 // mean number of calls that a visit lasts, those to eliminated counts included
	}
	rows := make([]row, c.limit)
	for n := range rows {
		r := row{down: make([]float64, min(c.success, n)), up: make([]float64, c.failure), calls: 1}
		if n > 0 {
			r.down[len(r.down)-1] = 1 - p
		}
		if n+c.failure < c.limit {
			r.up[c.failure-1] = p
		} else {
			r.opens = p
		}
		rows[n] = r
	}
	for n := c.limit - 1; n > 0; n-- {
		from := &rows[n] // its up is all 0: the counts above are eliminated
		leaves := from.opens
		for _, q := range from.down {
			leaves += q
		}
		for m := max(0, n-c.failure); m < n; m++ {
			to := &rows[m]
			share := to.up[n-m-1] / leaves
			if share == 0 {
				continue
			}
			to.calls += share * from.calls
			to.opens += share * from.opens
			for i, q := range from.down {
				switch k := n - i - 1; {
				case k < m:
					to.down[m-k-1] += share * q
				case k > m:
					to.up[k-m-1] += share * q
				} // k == m: back again
			}
		}
	}
	return rows[0].calls / rows[0].opens
}

// With weights of 1 the chain is the gambler's ruin with a floor, which has a closed form.
func TestRateChain_SameAsGamblersRuin(t *testing.T) {
	ruin := func(limit int, p float64) float64 {
		q := 1 - p
		if p == q {
			return float64(limit) * float64(limit+1)
		}
		return float64(limit)/(p-q) + q/(p-q)/(p-q)*(math.Pow(q/p, float64(limit))-1)
	}
	for _, limit := range []int{1, 2, 5, 20, 100} {
		for _, p := range []float64{0.1, 0.2, 0.4, 0.5, 0.6, 0.9, 1} {
			mean := chain{1, 1, limit}.meanCalls(p)
			require.InEpsilon(t, ruin(limit, p), mean, 1e-9, "%d, %v", limit, p)
		}
	}
	require.InDelta(t, 2265, chain{1, 1, 5}.meanCalls(0.2), 0.5)
	require.InDelta(t, 6.1e18, chain{1, 1, 100}.meanCalls(0.4), 0.05e18)
}

// With other weights the reference is the system of equations for the means, solved in rational
// numbers by a plain elimination without the band.
func TestRateChain_SameAsTheEquations(t *testing.T) {
	for _, c := range []chain{
		{1, 1, 7}, {4, 1, 20}, {1, 4, 6}, {3, 2, 21}, {2, 3, 17}, {5, 3, 10}, {7, 30, 21},
	} {
		for _, share := range []int64{1, 20, 37, 80, 100} {
			want, _ := c.exact(big.NewRat(share, 100)).Float64()
			require.InEpsilon(t, want, c.meanCalls(float64(share)/100), 1e-10, "%+v, %d %%", c, share)
		}
	}
}

// exact solves h(n) = 1 + p h(n + failure) + (1 - p) h(max(0, n - success)), with h = 0 from limit
// up, for h(0).
func (c chain) exact(p *big.Rat) *big.Rat {
	one := big.NewRat(1, 1)
	q := new(big.Rat).Sub(one, p)
	system := make([][]*big.Rat, c.limit) // the coefficients, then the right-hand side
	for n := range system {
		system[n] = make([]*big.Rat, c.limit+1)
		for m := range system[n] {
			system[n][m] = new(big.Rat)
		}
		add := func(m int, x *big.Rat) { system[n][m].Add(system[n][m], x) }
		add(c.limit, one)
		add(n, one)
		add(max(0, n-c.success), new(big.Rat).Neg(q))
		if n+c.failure < c.limit {
			add(n+c.failure, new(big.Rat).Neg(p))
		}
	}
	for n := range system {
		for m := range system { // the pivots are not 0: every count leads to the limit
			if m == n || system[m][n].Sign() == 0 {
				continue
			}
			factor := new(big.Rat).Quo(system[m][n], system[n][n])
			for k := n; k <= c.limit; k++ {
				system[m][k].Sub(system[m][k], new(big.Rat).Mul(factor, system[n][k]))
			}
		}
	}
	return new(big.Rat).Quo(system[0][c.limit], system[0][0])
}

func (c chain) String() string { return fmt.Sprintf("+%d −%d", c.failure, c.success) }
