// SPDX-License-Identifier: Apache-2.0

package page

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rule is a rule of the style sheet.
type rule struct{ selectors, body string }

// styleRules returns the rules of the style sheet, without those in media queries, and the colors
// of the two schemes.
func styleRules(t *testing.T) (rules []rule, schemes map[string]map[string]string) {
	t.Helper()
	text, err := files.ReadFile("style.css")
	require.NoError(t, err)
	style := string(text)
	dark := regexp.MustCompile(`(?s)@media \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}\s*\}`).FindStringSubmatch(style)
	require.NotNil(t, dark)
	style = strings.Replace(style, dark[0], "", 1)
	style, _, found := strings.Cut(style, "@media")
	require.True(t, found)
	for _, m := range regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`).FindAllStringSubmatch(style, -1) {
		rules = append(rules, rule{strings.TrimSpace(m[1]), m[2]})
	}
	require.Equal(t, ":root", rules[0].selectors)
	variables := func(body string) map[string]string {
		all := make(map[string]string)
		for _, m := range regexp.MustCompile(`--([\w-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(body, -1) {
			all[m[1]] = m[2]
		}
		return all
	}
	return rules[1:], map[string]map[string]string{"light": variables(rules[0].body), "dark": variables(dark[1])}
}

// contrast returns the contrast ratio of two colors, as WCAG 2.2 defines it.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(color string) float64 {
		require.Len(t, color, 7)
		sum := 0.0
		for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
			n, err := strconv.ParseUint(color[1+2*i:3+2*i], 16, 8)
			require.NoError(t, err)
			c := float64(n) / 255
			if c <= 0.04045 {
				c /= 12.92
			} else {
				c = math.Pow((c+0.055)/1.055, 2.4)
			}
			sum += weight * c
		}
		return sum
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrast_OfKnownColors(t *testing.T) {
	require.InDelta(t, 21, contrast(t, "#ffffff", "#000000"), 0.001)
	require.InDelta(t, 4.54, contrast(t, "#767676", "#ffffff"), 0.01)
	require.InDelta(t, 1, contrast(t, "#123456", "#123456"), 0.001)
}

// Text has a contrast of 4.5 to 1 and what else carries a meaning 3 to 1 (WCAG 2.2 AA), on every
// surface on which it may be. All colors are variables, which both schemes define.
func TestContrast_OfAllColors(t *testing.T) {
	rules, schemes := styleRules(t)
	surfaces := []string{"page", "surface", "hover"}
	decoration := map[string]bool{".lane": true, ".cut": true}
	pairs := 0
	for scheme, colors := range schemes {
		require.Len(t, colors, len(schemes["light"]), "both schemes have the same variables")
		for _, r := range rules {
			assert.NotRegexp(t, `#[0-9a-f]{3}|rgb|hsl`, r.body, r.selectors)
			background := regexp.MustCompile(`background: var\(--([\w-]+)\)`).FindStringSubmatch(r.body)
			on := surfaces
			if background != nil {
				on = []string{background[1]}
			}
			for _, m := range regexp.MustCompile(`(?:^|[ {;])(color|fill|border|outline|stroke): (?:[\w.]+ )*var\(--([\w-]+)\)`).FindAllStringSubmatch(r.body, -1) {
				property, color := m[1], m[2]
				least := 3.0
				switch {
				case decoration[r.selectors] || color == "line":
					continue // a line between rows that are apart anyway
				case property == "color":
					least = 4.5
				}
				for _, surface := range on {
					require.Contains(t, colors, color)
					require.Contains(t, colors, surface)
					pairs++
					assert.GreaterOrEqual(t, contrast(t, colors[color], colors[surface]), least,
						"%s: %s of %s: %s on %s", scheme, property, r.selectors, color, surface)
				}
			}
		}
	}
	require.Greater(t, pairs, 60)
}
