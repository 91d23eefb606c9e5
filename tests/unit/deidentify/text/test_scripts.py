"""Texts in scripts without capitals or without spaces: words stay, names go, whatever stands beside them."""

from __future__ import annotations

import pytest

from sendit.deidentify.text.clean import PersonalData, TextCleaner
from sendit.deidentify.text.scripts.dense import is_of_words


def described(text: str) -> str:
    """Clean a text of a file that names nobody."""
    return TextCleaner(PersonalData()).description(text)


@pytest.mark.parametrize(
    "text",
    [
        "左肾上极见一类圆形囊性低密度影，边界清，约31×27mm，增强后未见强化。",
        "第3腰椎椎体压缩性骨折，较前片无明显变化",
        "疑似肝臟血管瘤，建議追蹤",
        "右側髖關節置換術後，無鬆脫",
        "第12胸椎に陳旧性圧迫骨折を認めます。",
        "造影剤アレルギーのため単純のみ施行",
        "좌측 신장에 2 cm 크기의 단순 낭종이 관찰됩니다.",
        "급성 출혈의 증거는 없습니다.",
        "ไม่พบน้ำในช่องเยื่อหุ้มปอด หัวใจขนาดปกติ",
        "ปอดทั้งสองข้างปกติ",
        "ບໍ່ພົບເລືອດອອກໃນສະໝອງ",
        "လူနာ အသက်ရှူ မရှိ",
        "لا توجد علامات التهاب في الجيوب الأنفية.",
        "كسور متعددة في الأضلاع اليسرى",
        "کاهش ارتفاع مهره چهارم کمری، بدون فشار بر نخاع",
        "לא נצפו שברים בעמוד השדרה הצווארי",
        "बाएं फेफड़े में हल्का द्रव दिखाई देता है।",
        "मरीज़ साँस नहीं रोक सकी",
        "ডান কিডনিতে পাথর আছে",
        "வலது சிறுநீரகத்தில் கற்கள் உள்ளன",
        "కుడి మూత్రపిండంలో రాళ్ళు ఉన్నాయి",
        "જમણી કિડનીમાં પથરી છે",
        "მარჯვენა თირკმელში კენჭი არ ვლინდება",
        "Աջ երիկամում քար չի հայտնաբերվել",
        "Gan không to, bờ đều, không có dịch ổ bụng",
        "Teo cơ hai chi dưới, yếu chân tay",
    ],
)
def test_harmless_texts_stay(text: str) -> None:
    """Reports and remarks, with numbers among the words."""
    assert described(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("甄思雨 复查", "甄思雨"),
        ("患者欧阳晓峰发热", "欧阳"),
        ("顾医生要求加扫", "顾"),
        ("其子谭嘉乐陪同", "嘉乐"),
        ("家住平川县青云路16号，高血压", "青云"),
        ("清河镇卫生院转入", "清河"),
        ("連雅筑，腹痛", "雅筑"),
        ("女 九十四岁", "九十四"),
        ("二〇二五年六月七日复查", "六月"),
        ("森田 彩香 頭部CT", "彩香"),
        ("氏名 鷹羽しおり", "しおり"),
        ("恵子さん 再撮影", "恵子"),
        ("昭和12年生", "12"),
        ("남궁서윤 추적", "서윤"),
        ("황 교수님 요청", "황"),
        ("딸 가온", "가온"),
        ("새봄내과 의뢰", "새봄"),
        ("นายธนวัฒน์ แสงทอง ปวดท้อง", "แสงทอง"),
        ("โรงพยาบาลท่าศาลา ส่งตรวจ", "ท่าศาลา"),
        ("ທ່ານໝໍ ບຸນທະວີ", "ບຸນທະວີ"),
        ("دکتر فرزانه یگانه", "یگانه"),
        ("أم ياسر، صداع", "ياسر"),
        ("يسكن في حي الورود، الدمام", "الورود"),
        ("מטופל אליעד ברקת, חום", "ברקת"),
        ("श्री हरिनारायण त्रिपाठी, बुखार", "त्रिपाठी"),
        ("ডাঃ সেলিনা হক", "সেলিনা"),
        ("திரு செந்தில்நாதன், காய்ச்சல்", "செந்தில்நாதன்"),
        ("პაციენტი ლევან ჩხეიძე", "ჩხეიძე"),
        ("አቶ በቀለ ወልዴ", "በቀለ"),
        ("Bệnh nhân Hoàng Ngọc Lan, sốt", "Lan"),
        ("bác sĩ Dũng", "Dũng"),
        ("Chuyển từ Bệnh viện Đa khoa Hoa Sen", "Sen"),
        ("ngày 9 tháng 12 năm 2023", "12"),
    ],
)
def test_names_places_and_days_go(text: str, name: str) -> None:
    """Alone, beside words, in one run with words, with titles, behind labels; no table has most of them."""
    assert name not in described(text)


def test_a_name_of_no_table_is_less_likely_than_words_only_where_words_are_rare() -> None:
    """The same characters are a word or a name by what stands around them."""
    assert is_of_words("高密度影")
    assert not is_of_words("高明远")
    assert is_of_words("左右对称")
    assert not is_of_words("左嘉怡")
