#!/usr/bin/env bash
# Rebuilds the embedded example from Debian's shapeit4-example package; see README.md here for provenance and licence.
#   apt-get install shapeit4-example bcftools tabix && bash resources/example/build.sh
set -euo pipefail
cd "$(dirname "$0")"
package=/usr/share/doc/shapeit4/examples/test
[ -d "$package" ] || { echo "build.sh: $package is missing; run: apt-get install shapeit4-example" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 300 phased reference samples x 24,990 sites: only GT is kept; --no-version keeps commands and dates out of the bytes.
bcftools annotate --no-version -x INFO,^FORMAT/GT "$package/reference.vcf.gz" -Oz -o reference.vcf.gz

# The 203 other samples. "unphased.vcf.gz" is in fact nearly all phased, so phase is erased (a/b, sorted alleles): a lab's
# array genotypes carry none.
erase_phase() { sed -E '/^#/! { s#1\|0#0|1#g; s#([01])\|([01])#\1/\2#g }'; }
bcftools annotate --no-version -x INFO,^FORMAT/GT "$package/unphased.vcf.gz" | erase_phase | bgzip > truth.vcf.gz
bcftools index --tbi -f truth.vcf.gz

# Targets: the same genotypes at the sites that the real OMNI scaffold of the package also has (same CHROM, POS, REF, ALT).
bcftools query -f '%CHROM\t%POS\t%REF\t%ALT\n' "$package/scaffold.vcf.gz" | sort -u > "$work/omni"
bcftools view --no-version truth.vcf.gz |
  awk -F'\t' -v omni="$work/omni" 'BEGIN { while ((getline line < omni) > 0) typed[line] = 1 }
    /^#/ || ($1 FS $2 FS $4 FS $5) in typed' | bgzip > targets.vcf.gz

for vcf in reference truth targets; do bcftools index --tbi -f "$vcf.vcf.gz"; done

# The map in PLINK layout (chrom id cM position), the slice around the region plus a marker on either side.
zcat "$package/chr20.b37.gmap.gz" |
  awk 'NR > 1 && $1 >= 900000 && $1 <= 4100000 { printf "%s . %s %s\n", $2, $3, $1 }' > genetic_map.plink.map
sha256sum reference.vcf.gz truth.vcf.gz targets.vcf.gz genetic_map.plink.map > SHA256SUMS
