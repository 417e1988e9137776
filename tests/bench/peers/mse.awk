# Mean squared error of id,y,yhat: mawk -F, -f mse.awk FILE
NR > 1 { e = $3 - $2; s += e * e }
END { printf "%.17g\n", s / (NR - 1) }
