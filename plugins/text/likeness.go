package main

// jaroWinkler is how alike two texts are, from 0 to 1: Jaro's measure, which
// counts letters in common not far from each other and those out of order, with
// Winkler's bonus for a common beginning.
func jaroWinkler(a, b string) float64 {
	s, t := []rune(a), []rune(b)
	if len(s) == 0 && len(t) == 0 {
		return 1
	}
	reach := max(0, max(len(s), len(t))/2-1)
	inS, inT := make([]bool, len(s)), make([]bool, len(t))
	common := 0
	for i, r := range s {
		for j := max(0, i-reach); j < min(len(t), i+reach+1); j++ {
			if !inT[j] && t[j] == r {
				inS[i], inT[j] = true, true
				common++
				break
			}
		}
	}
	if common == 0 {
		return 0
	}
	moved, j := 0, 0
	for i, r := range s {
		if !inS[i] {
			continue
		}
		for !inT[j] {
			j++
		}
		if t[j] != r {
			moved++
		}
		j++
	}
	c := float64(common)
	jaro := (c/float64(len(s)) + c/float64(len(t)) + (c-float64(moved)/2)/c) / 3
	prefix := 0
	for prefix < min(4, len(s), len(t)) && s[prefix] == t[prefix] {
		prefix++
	}
	return jaro + 0.1*float64(prefix)*(1-jaro)
}
