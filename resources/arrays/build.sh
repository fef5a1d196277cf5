#!/usr/bin/env bash
# Makes the files that config/arrays.yaml and config/chr15.yaml read; docs/arrays.md lists them.
#   bash resources/arrays/build.sh FOLDER [MANIFESTS]; export RAGIMPUTE_DATA=FOLDER
# The panel, its samples and its genetic map are downloaded (1000 Genomes phase 3 at EBI, Beagle's maps). The lists of typed
# sites are cut from the manufacturers' manifests of GRCh37, which ask for a registration: put the CSV files into MANIFESTS
# under the names below. Without MANIFESTS the lists are not made.
set -euo pipefail
[ $# -ge 1 ] || { echo "usage: build.sh FOLDER [MANIFESTS]" >&2; exit 2; }
for program in bcftools curl unzip; do
  command -v "$program" > /dev/null || { echo "build.sh: $program is missing; run: apt-get install $program" >&2; exit 1; }
done
release=https://ftp.1000genomes.ebi.ac.uk/vol1/ftp/release/20130502
maps=https://bochet.gcc.biostat.washington.edu/beagle/genetic_maps/plink.GRCh37.map.zip
panel=kgp3_chr15_66.19-66.55Mb.b37.vcf.gz
chr15=$1/kgp3_chr15 chr20=$1/arrays_chr20_b37
mkdir -p "$chr15" "$chr20"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 2,504 samples, the region alone (bcftools reads it through the index at the server), genotypes alone
whole=$release/ALL.chr15.phase3_shapeit2_mvncall_integrated_v5a.20130502.genotypes.vcf.gz
(cd "$work" && bcftools view --regions 15:66185000-66549000 "$whole" |
  bcftools annotate --remove INFO,^FORMAT/GT --output-type z --output "$work/$panel")
bcftools index --tbi "$work/$panel"
records=$(bcftools index --nrecords "$work/$panel") samples=$(bcftools query --list-samples "$work/$panel" | wc -l)
[ "$records $samples" = "11251 2504" ] ||
  echo "build.sh: $records records of $samples samples, not 11251 of 2504: results will differ from docs/arrays.md" >&2
mv "$work/$panel" "$work/$panel.tbi" "$chr15"

curl --fail --silent --show-error "$release/integrated_call_samples_v3.20130502.ALL.panel" |
  awk -F'\t' 'NR > 1 { print $1 "\t" $2 }' > "$work/samples"
mv "$work/samples" "$chr15/samples_pop.tsv"

curl --fail --silent --show-error "$maps" --output "$work/maps.zip"
unzip -p "$work/maps.zip" plink.chr15.GRCh37.map |
  awk '$4 >= 65500000 && $4 <= 67300000' > "$work/map"
mv "$work/map" "$chr15/plink.chr15.b37.map"

# sites MANIFEST CHROM FIRST LAST: chromosome and position of a manifest's markers there, sorted, each once. The columns are
# called Chr and MapInfo by Illumina, Chromosome and Physical Position by Affymetrix.
sites() {
  awk -F',' -v chrom="$2" -v first="$3" -v last="$4" '
    { gsub(/"|\r/, "") }
    !position { for (i = 1; i <= NF; i++) { if ($i ~ /^(Chr|Chromosome)$/) where = i
                                            if ($i ~ /^(MapInfo|Physical Position)$/) position = i }; next }
    $where == chrom && $position >= first && $position <= last { print chrom "\t" $position }' "$1" | sort -k2,2n -u
}
[ $# -ge 2 ] || { echo "build.sh: no folder of manifests was given: the lists of typed sites are not made" >&2; exit 0; }
for name in infinium-core-v1.2 global-screening-array-v.3 Axiom_UKB_WCSG infinium-omni2.5.v1.5 infinium-omni5-v1.2; do
  manifest=$2/$name.csv
  [ -f "$manifest" ] || { echo "build.sh: $manifest is missing" >&2; exit 1; }
  sites "$manifest" 20 1000000 4000000 > "$work/list"
  mv "$work/list" "$chr20/$name.txt"
  sites "$manifest" 15 66180000 66550000 > "$work/list"
  mv "$work/list" "$chr15/array_$name.chr15.b37.txt"
done
